//! A span of time on the horizontal axis of a drawing.

use std::fmt;

/// A place or a length in a drawing, in its own units: a tenth is fine enough.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Px(pub f64);

impl fmt::Display for Px {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", (self.0 * 10.0).round() / 10.0)
    }
}

/// Seconds from `from_s` to `to_s`, drawn from `left` on over `width`.
#[derive(Debug, Clone, Copy)]
pub struct Axis {
    pub from_s: f64,
    pub to_s: f64,
    pub left: f64,
    pub width: f64,
}

impl Axis {
    /// An axis is never without length, whatever the times are.
    pub fn new(from_s: f64, to_s: f64, left: f64, width: f64) -> Self {
        let least = (from_s.abs() * 1e-9).max(1e-3);
        Self { from_s, to_s: to_s.max(from_s + least), left, width }
    }

    /// How far along the axis a moment is, from 0 to 1; what is beyond an end is at it.
    pub fn part(&self, at_s: f64) -> f64 {
        ((at_s - self.from_s) / (self.to_s - self.from_s)).clamp(0.0, 1.0)
    }

    pub fn x(&self, at_s: f64) -> f64 {
        self.left + self.part(at_s) * self.width
    }

    pub fn right(&self) -> f64 {
        self.left + self.width
    }

    pub fn holds(&self, at_s: f64) -> bool {
        (self.from_s..=self.to_s).contains(&at_s)
    }

    /// Round moments on it, at most `most`, and the number of decimals that tells them apart.
    pub fn ticks(&self, most: u32) -> (Vec<f64>, usize) {
        let rough = (self.to_s - self.from_s) / f64::from(most.max(1));
        let power = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power);
        let step = step.into_iter().find(|step| *step >= rough).unwrap_or(rough);
        let first = (self.from_s / step).ceil();
        let ticks = (0..most).map(|n| (first + f64::from(n)) * step).filter(|tick| self.holds(*tick));
        let decimals = (-step.log10().floor()).clamp(0.0, 9.0);
        (ticks.collect(), decimals as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_few() {
        let (ticks, decimals) = Axis::new(0.15, 4.2, 0.0, 800.0).ticks(8);
        assert_eq!(ticks, [1.0, 2.0, 3.0, 4.0]);
        assert_eq!(decimals, 0);
        let (ticks, decimals) = Axis::new(1.46, 1.61, 0.0, 800.0).ticks(8);
        let texts: Vec<String> = ticks.iter().map(|tick| format!("{tick:.decimals$}")).collect();
        assert_eq!(texts, ["1.46", "1.48", "1.50", "1.52", "1.54", "1.56", "1.58", "1.60"]);
    }

    #[test]
    fn no_times_make_it_endless() {
        for (from, to) in [(0.0, 0.0), (5.0, 1.0), (1e300, 1e300), (-1e300, 1e300), (1e17, 1e17 + 1e-9)] {
            let axis = Axis::new(from, to, 10.0, 100.0);
            assert!(axis.ticks(8).0.len() <= 8);
            assert!((10.0..=110.0).contains(&axis.x(to)), "{from} {to}");
        }
    }
}
