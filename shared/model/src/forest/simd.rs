//! The instruction sets that a kernel is compiled for, chosen by what the processor has when a model is loaded.
//!
//! The code is the same safe Rust three times over; only the compiler may use wider vectors in it.

// The only unsafe code of this crate. Tests run every level that the machine has, `make check-sanitizer` with
// AddressSanitizer.
#![cfg_attr(
    target_arch = "x86_64",
    expect(
        unsafe_code,
        reason = "a function that needs AVX may only be called where there is AVX"
    )
)]

use super::bits::{Bits, Word};

/// An instruction set that this processor has: a value of this type is the proof of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Level(Instructions);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Instructions {
    /// What every processor of the target has.
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Level {
    /// All that this processor has, the best last.
    pub(super) fn available() -> Vec<Self> {
        #[cfg_attr(not(target_arch = "x86_64"), expect(unused_mut, reason = "there is but one"))]
        let mut levels = vec![Self(Instructions::Portable)];
        #[cfg(target_arch = "x86_64")]
        {
            let has_avx2 = is_x86_feature_detected!("avx2")
                && is_x86_feature_detected!("bmi1")
                && is_x86_feature_detected!("bmi2");
            if has_avx2 {
                levels.push(Self(Instructions::Avx2));
            }
            if has_avx2
                && is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vl")
            {
                levels.push(Self(Instructions::Avx512));
            }
        }
        levels
    }

    pub(super) fn best() -> Self {
        *Self::available().last().expect("the portable one is always there")
    }

    #[cfg(test)]
    pub(super) fn name(self) -> &'static str {
        match self.0 {
            Instructions::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx512 => "avx512",
        }
    }
}

/// Adds what the trees of `bits` say to the sum of each row, with these instructions.
pub(super) fn add<W: Word>(level: Level, bits: &Bits<W>, columns: &[f64], sums: &mut [f64]) {
    match level.0 {
        Instructions::Portable => bits.add(columns, sums),
        // SAFETY: there is such a level only where the processor has AVX2, BMI1 and BMI2.
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx2 => unsafe { add_avx2(bits, columns, sums) },
        // SAFETY: there is such a level only where the processor has these parts of AVX-512 as well.
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx512 => unsafe { add_avx512(bits, columns, sums) },
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2")]
fn add_avx2<W: Word>(bits: &Bits<W>, columns: &[f64], sums: &mut [f64]) {
    bits.add(columns, sums);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2,avx512f,avx512bw,avx512dq,avx512vl")]
fn add_avx512<W: Word>(bits: &Bits<W>, columns: &[f64], sums: &mut [f64]) {
    bits.add(columns, sums);
}
