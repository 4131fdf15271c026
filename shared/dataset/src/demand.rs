//! `synthetic:demand`: daily sales of a chain of stores, made from a seed as a CSV input.
//!
//! Every row is one store on one day. Sales follow a trend that levels off, a yearly and a weekly season,
//! holidays, the weather, a price and promotions, and noise that lasts for some days, so that the lag
//! columns tell something. Nothing is kept but the last week: five million rows need no memory.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::str::FromStr;

use chrono::{Datelike, Days, NaiveDate};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::{DatasetError, Input};

const HEADER: &str = "store,day,month,day_of_week,day_of_year,is_weekend,is_holiday,price,is_promotion,\
                      weather,lag_1,lag_7,rolling_mean_7,demand\n";
const WEEK: usize = 7;

/// The synthetic series, written `synthetic:demand?rows=20000&seed=7`.
///
/// | Parameter | Default | Range | Effect |
/// | --- | --- | --- | --- |
/// | `rows` | 20000 | 100 to 5,000,000 | rows below the header; one store for 1000 rows, at least 4, at most 500 |
/// | `seed` | 7 | 64 bits | everything random |
///
/// | Column | Is |
/// | --- | --- |
/// | `store` | the store, a category |
/// | `day`, `month`, `day_of_week`, `day_of_year` | days since 2019-01-01; 1 to 12; 1 (Monday) to 7; 1 to 366 |
/// | `is_weekend`, `is_holiday`, `is_promotion` | booleans |
/// | `price` | of one unit, in euros |
/// | `weather` | the region's weather, a category |
/// | `lag_1`, `lag_7`, `rolling_mean_7` | the store's sales one day and seven days before, and their mean over the seven days before; missing until there are that many |
/// | `demand` | units sold that day, the target, at least 0 |
///
/// # Examples
///
/// ```
/// let series: dataset::Demand = "synthetic:demand?rows=100".parse()?;
/// assert_eq!((series.n_rows(), series.seed()), (100, 7));
/// # Ok::<(), dataset::DatasetError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Demand {
    location: String,
    n_rows: u64,
    seed: u64,
}

impl Demand {
    /// Rows below the header.
    pub fn n_rows(&self) -> u64 {
        self.n_rows
    }

    /// The seed of everything random.
    pub fn seed(&self) -> u64 {
        self.seed
    }
}

impl FromStr for Demand {
    type Err = DatasetError;

    fn from_str(location: &str) -> Result<Self, DatasetError> {
        parse(location)
            .map_err(|reason| DatasetError::Location { location: location.to_owned(), reason })
    }
}

fn parse(location: &str) -> Result<Demand, String> {
    let series = location.strip_prefix("synthetic:").unwrap_or(location);
    let (kind, query) = series.split_once('?').unwrap_or((series, ""));
    if kind != "demand" {
        return Err(format!("there is no synthetic series `{kind}`; expected `synthetic:demand`"));
    }
    let (mut n_rows, mut seed) = (20_000, 7);
    for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let number = || {
            value
                .parse::<u64>()
                .map_err(|_| format!("`{name}` is `{value}`; expected a whole number"))
        };
        match name {
            "rows" => n_rows = number()?,
            "seed" => seed = number()?,
            _ => {
                return Err(format!("there is no parameter `{name}`; expected `rows` or `seed`"));
            }
        }
    }
    if !(100..=5_000_000).contains(&n_rows) {
        return Err(format!("`rows` is {n_rows}; expected 100 to 5000000"));
    }
    Ok(Demand { location: location.to_owned(), n_rows, seed })
}

impl Input for Demand {
    fn location(&self) -> &str {
        &self.location
    }

    fn open(&self) -> Result<Box<dyn Read + '_>, DatasetError> {
        Ok(Box::new(Series::new(self.n_rows, self.seed)))
    }
}

struct Store {
    name: String,
    base: f64,
    price: f64,
    promotion_days: u32,
    /// What lasts of yesterday's noise.
    drift: f64,
    /// Units sold on the last days, the latest last.
    sold: VecDeque<f64>,
}

struct Series {
    rng: ChaCha8Rng,
    stores: Vec<Store>,
    row: u64,
    n_rows: u64,
    weather: &'static str,
    line: Vec<u8>,
    written: usize,
}

impl Series {
    fn new(n_rows: u64, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let stores = (1..=(n_rows / 1000).clamp(4, 500))
            .map(|number| Store {
                name: format!("store_{number:03}"),
                base: 30.0 + 120.0 * rng.random::<f64>(),
                price: 4.0 + 2.0 * rng.random::<f64>(),
                promotion_days: 0,
                drift: 0.0,
                sold: VecDeque::with_capacity(WEEK),
            })
            .collect();
        Self {
            rng,
            stores,
            row: 0,
            n_rows,
            weather: "cloudy",
            line: HEADER.as_bytes().to_vec(),
            written: 0,
        }
    }

    /// The next row as a line of CSV.
    fn next_line(&mut self) -> String {
        let n_stores = self.stores.len() as u64;
        let (day, store_idx) = (self.row / n_stores, (self.row % n_stores) as usize);
        self.row += 1;
        let date = date(day);
        if store_idx == 0 {
            self.weather = weather(date, &mut self.rng);
        }
        let store = &mut self.stores[store_idx];
        let price = store.price_today(&mut self.rng);
        let demand = store.sell(day, date, price, self.weather, &mut self.rng);
        let line = format!(
            "{},{day},{},{},{},{},{},{price:.2},{},{},{},{},{},{demand}\n",
            store.name,
            date.month(),
            date.weekday().number_from_monday(),
            date.ordinal(),
            is_weekend(date),
            is_holiday(date),
            store.promotion_days > 0,
            self.weather,
            cell(store.lag(1)),
            cell(store.lag(WEEK)),
            cell(store.week_mean()),
        );
        store.remember(demand);
        line
    }
}

impl Read for Series {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.written == self.line.len() {
            if self.row == self.n_rows {
                return Ok(0);
            }
            (self.line, self.written) = (self.next_line().into_bytes(), 0);
        }
        let n = out.len().min(self.line.len() - self.written);
        out[..n].copy_from_slice(&self.line[self.written..self.written + n]);
        self.written += n;
        Ok(n)
    }
}

impl Store {
    fn price_today(&mut self, rng: &mut ChaCha8Rng) -> f64 {
        self.promotion_days = match self.promotion_days {
            0 if rng.random::<f64>() < 0.03 => 3 + (rng.random::<f64>() * 5.0) as u32,
            days => days.saturating_sub(1),
        };
        let reduction = if self.promotion_days > 0 { 0.8 } else { 1.0 };
        let price = self.price * reduction * (1.0 + 0.05 * (rng.random::<f64>() - 0.5));
        (price * 100.0).round() / 100.0
    }

    fn sell(
        &mut self,
        day: u64,
        date: NaiveDate,
        price: f64,
        weather: &str,
        rng: &mut ChaCha8Rng,
    ) -> f64 {
        self.drift = 0.6 * self.drift + 0.06 * normal(rng);
        let promotion = if self.promotion_days > 0 { 1.25 } else { 1.0 };
        let elasticity = 1.0 - 1.4 * (price / self.price - 1.0);
        let level = self.base * calendar(day, date) * weather_effect(weather);
        let units = level * promotion * elasticity * (1.0 + self.drift + 0.04 * normal(rng));
        units.round().max(0.0)
    }

    fn lag(&self, days: usize) -> Option<f64> {
        let idx = self.sold.len().checked_sub(days)?;
        self.sold.get(idx).copied()
    }

    fn week_mean(&self) -> Option<f64> {
        (self.sold.len() == WEEK).then(|| self.sold.iter().sum::<f64>() / WEEK as f64)
    }

    fn remember(&mut self, demand: f64) {
        if self.sold.len() == WEEK {
            self.sold.pop_front();
        }
        self.sold.push_back(demand);
    }
}

fn date(day: u64) -> NaiveDate {
    // At most 10,000 days after the first for every number of rows that is allowed.
    NaiveDate::from_ymd_opt(2019, 1, 1)
        .and_then(|first| first.checked_add_days(Days::new(day)))
        .unwrap_or_default()
}

/// Trend, seasons and holidays as one factor.
fn calendar(day: u64, date: NaiveDate) -> f64 {
    const WEEKDAYS: [f64; WEEK] = [0.88, 0.86, 0.9, 0.97, 1.15, 1.3, 0.94];
    let years = day as f64 / 365.25;
    let trend = 1.0 + 0.4 * years / (years + 2.0);
    let yearly = 1.0 + 0.15 * (std::f64::consts::TAU * (years - 0.3)).sin();
    let weekly = WEEKDAYS[date.weekday().num_days_from_monday() as usize];
    let special = match (date.month(), date.day()) {
        _ if is_holiday(date) => 0.45,
        (12, 10..=24) => 1.5,
        _ => 1.0,
    };
    trend * yearly * weekly * special
}

fn is_weekend(date: NaiveDate) -> bool {
    date.weekday().number_from_monday() > 5
}

fn is_holiday(date: NaiveDate) -> bool {
    matches!((date.month(), date.day()), (1, 1) | (5, 1) | (12, 25 | 26))
}

fn weather(date: NaiveDate, rng: &mut ChaCha8Rng) -> &'static str {
    let winter = matches!(date.month(), 12 | 1 | 2);
    match rng.random::<f64>() {
        x if x < 0.4 => "sunny",
        x if x < 0.7 => "cloudy",
        x if winter && x > 0.9 => "snow",
        _ => "rain",
    }
}

fn weather_effect(weather: &str) -> f64 {
    match weather {
        "sunny" => 1.08,
        "rain" => 0.92,
        "snow" => 0.8,
        _ => 1.0,
    }
}

/// Nearly normal with mean 0 and variance 1: a sum of twelve uniform numbers, exact on every platform.
fn normal(rng: &mut ChaCha8Rng) -> f64 {
    (0..12).map(|_| rng.random::<f64>()).sum::<f64>() - 6.0
}

/// Two decimals are enough for a mean of whole numbers; a missing value is an empty cell.
fn cell(value: Option<f64>) -> String {
    value.map_or_else(String::new, |value| ((value * 100.0).round() / 100.0).to_string())
}
