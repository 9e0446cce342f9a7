//! Randomness that is addressed, not consumed.
//!
//! A [`Random`] is a place in a tree of random streams: `Random::new(seed).at(epoch).at(instance)`. What it yields depends
//! on that address alone, so results do not depend on the number of threads or on where a run was resumed.
//! The generator is SplitMix64 (Steele, Lea and Flood 2014) run in counter mode from a mixed key.

/// A random stream at an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Random {
    key: u64,
    counter: u64,
}

const GOLDEN_GAMMA: u64 = 0x9E37_79B9_7F4A_7C15;

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

impl Random {
    /// The root of a run's randomness.
    pub fn new(seed: u64) -> Self {
        Self { key: mix(seed ^ 0x5E1F_5A3E), counter: 0 }
    }

    /// The stream below this one with number `index` (an epoch, an instance, a view …).
    pub fn at(&self, index: u64) -> Self {
        Self { key: mix(self.key ^ mix(index.wrapping_add(GOLDEN_GAMMA))), counter: 0 }
    }

    /// The stream below this one with this name (a purpose: `"order"`, `"views"`, a parameter's path …).
    pub fn named(&self, name: &str) -> Self {
        // FNV-1a: stable across machines and versions, which the standard hasher does not promise.
        let hash = name
            .bytes()
            .fold(0xCBF2_9CE4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0000_0100_0000_01B3));
        self.at(hash)
    }

    /// The next 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.counter = self.counter.wrapping_add(1);
        mix(self.key.wrapping_add(self.counter.wrapping_mul(GOLDEN_GAMMA)))
    }

    /// Uniform in `[0, 1)`, with 24 bits.
    pub fn unit(&mut self) -> f32 {
        (self.bits() >> 40) as f32 * (1.0 / (1 << 24) as f32)
    }

    /// Uniform in `[low, high)`; `low` when the range is empty.
    pub fn range(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    /// `true` with this probability.
    pub fn chance(&mut self, probability: f32) -> bool {
        self.unit() < probability
    }

    /// Uniform in `0..n`; 0 when `n` is 0. The bias is below n / 2⁶⁴.
    pub fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.bits()) * n as u128) >> 64) as usize
    }

    /// Standard normal (Box and Muller).
    pub fn normal(&mut self) -> f32 {
        let radius = (-2.0 * f64::from(1.0 - self.unit()).ln()).sqrt();
        let angle = std::f64::consts::TAU * f64::from(self.unit());
        (radius * angle.cos()) as f32
    }

    /// From Beta(α, α), for any positive α: uniform in `[0, 1]` for 1, near the ends below, near the middle above.
    pub fn beta(&mut self, alpha: f64) -> f64 {
        if alpha > 1.0 {
            let (first, second) = (self.gamma(alpha), self.gamma(alpha));
            return first / (first + second);
        }
        // Jöhnk 1964, in logarithms: for a small α both powers are too small to be told from zero.
        loop {
            let [x, y] = [(); 2].map(|()| f64::from(1.0 - self.unit()).ln() / alpha);
            let larger = x.max(y);
            let log_sum = larger + ((x - larger).exp() + (y - larger).exp()).ln();
            if log_sum <= 0.0 {
                return (x - log_sum).exp().min(1.0);
            }
        }
    }

    /// From the gamma distribution of this shape, above 1, and scale 1 (Marsaglia and Tsang 2000).
    fn gamma(&mut self, shape: f64) -> f64 {
        let d = shape - 1.0 / 3.0;
        loop {
            let x = f64::from(self.normal());
            let v = (1.0 + x / (9.0 * d).sqrt()).powi(3);
            let u = f64::from(1.0 - self.unit());
            if v > 0.0 && u.ln() < 0.5 * x * x + d - d * v + d * v.ln() {
                return d * v;
            }
        }
    }

    /// Shuffles in place (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }

    /// A random permutation of `0..n`.
    pub fn permutation(&mut self, n: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..n).collect();
        self.shuffle(&mut order);
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_alone_decides() {
        let root = Random::new(7);
        let mut consumed = root.clone();
        consumed.bits();
        assert_eq!(consumed.at(3).bits(), root.at(3).bits());
        assert_ne!(root.at(3).bits(), root.at(4).bits());
        assert_ne!(root.at(0).at(1).bits(), root.at(1).at(0).bits());
        assert_ne!(root.named("order").bits(), root.named("views").bits());
    }

    #[test]
    fn moments_are_those_of_the_distributions() {
        let mut random = Random::new(1);
        let n = 200_000;
        let (mut sum, mut square, mut unit) = (0.0f64, 0.0f64, 0.0f64);
        for _ in 0..n {
            let x = f64::from(random.normal());
            sum += x;
            square += x * x;
            unit += f64::from(random.unit());
        }
        let n = f64::from(n);
        assert!((sum / n).abs() < 0.01 && (square / n - 1.0).abs() < 0.02 && (unit / n - 0.5).abs() < 0.005);
    }

    #[test]
    fn beta_has_its_mean_and_variance_whatever_its_parameter() {
        for alpha in [1e-3, 0.2, 1.0, 1.5, 20.0] {
            let root = Random::new(4).named("beta");
            let n = 20_000;
            let drawn: Vec<f64> = (0..n).map(|at| root.at(at).beta(alpha)).collect();
            assert!(drawn.iter().all(|value| (0.0..=1.0).contains(value)));
            let mean = drawn.iter().sum::<f64>() / n as f64;
            let variance = drawn.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / n as f64;
            let expected = 0.25 / (2.0 * alpha + 1.0);
            assert!((mean - 0.5).abs() < 0.015, "{alpha}: mean {mean}");
            assert!((variance / expected - 1.0).abs() < 0.05, "{alpha}: variance {variance}, not {expected}");
        }
    }

    #[test]
    fn permutations_hold_every_index_once() {
        let mut order = Random::new(5).permutation(97);
        assert_ne!(order, (0..97).collect::<Vec<_>>());
        order.sort_unstable();
        assert_eq!(order, (0..97).collect::<Vec<_>>());
    }

    #[test]
    fn below_is_in_range_even_for_nothing() {
        let mut random = Random::new(2);
        assert_eq!(random.below(0), 0);
        assert!((0..1000).all(|_| random.below(3) < 3));
    }
}
