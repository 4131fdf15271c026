//! Pieces of HTML. Names come from files that anyone may have written: whatever is text goes through [`escape`].

use schema::steers_display;

/// A page as it grows.
#[derive(Debug, Default)]
pub(super) struct Html(String);

impl Html {
    /// Adds what is HTML already.
    pub(super) fn raw(&mut self, html: &str) {
        self.0.push_str(html);
    }

    /// A heading and what stands below it.
    pub(super) fn section(&mut self, title: &str, body: &str) {
        self.raw(&format!("<section>\n<h2>{}</h2>\n{body}</section>\n", escape(title)));
    }

    /// Figures side by side where there is room.
    pub(super) fn cards(&mut self, cards: &[(&str, &str)]) {
        self.raw("<div class=\"cards\">\n");
        for (title, body) in cards {
            self.section(title, body);
        }
        self.raw("</div>\n");
    }

    pub(super) fn finish(self) -> String {
        self.0
    }
}

/// Text as it may stand between tags and in attributes.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c if steers_display(c) => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

/// A table of cells that are HTML already; the columns in `right` are aligned to the right.
pub(super) fn table(
    titles: &[&str],
    rows: impl IntoIterator<Item = Vec<String>>,
    right: &[usize],
) -> String {
    let class = |column: usize| if right.contains(&column) { " class=\"number\"" } else { "" };
    let mut html = "<div class=\"wide\"><table>\n".to_owned();
    if titles.iter().any(|title| !title.is_empty()) {
        html.push_str("<thead><tr>");
        for (column, title) in titles.iter().enumerate() {
            html.push_str(&format!("<th{}>{}</th>", class(column), escape(title)));
        }
        html.push_str("</tr></thead>\n");
    }
    html.push_str("<tbody>\n");
    for row in rows {
        html.push_str("<tr>");
        for (column, cell) in row.iter().enumerate() {
            html.push_str(&format!("<td{}>{cell}</td>", class(column)));
        }
        html.push_str("</tr>\n");
    }
    html + "</tbody></table></div>\n"
}

/// A horizontal bar for a share of the greatest value.
pub(super) fn share_bar(share: f64) -> String {
    let percent = (share.clamp(0.0, 1.0) * 100.0).round();
    format!("<div class=\"bar\"><div style=\"width:{percent}%\"></div></div>")
}
