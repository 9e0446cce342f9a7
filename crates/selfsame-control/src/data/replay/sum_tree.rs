//! A complete binary tree whose nodes hold the sum of their children: draws proportionally to the leaves, and changes a leaf, in O(log n).

/// Weights that are drawn from (Schaul et al. 2016, section B.2.1).
#[derive(Clone, Debug)]
pub(super) struct SumTree {
    /// The root is node 1, the children of `n` are `2n` and `2n + 1`, the leaves the last half.
    nodes: Vec<f64>,
    /// How many leaves are above 0.
    positive: usize,
}

impl SumTree {
    /// So many leaves of weight 0.
    pub fn new(leaves: usize) -> Self {
        Self { nodes: vec![0.0; 2 * leaves.next_power_of_two()], positive: 0 }
    }

    /// The bytes that so many leaves take.
    pub fn bytes(leaves: usize) -> usize {
        2 * leaves.next_power_of_two() * size_of::<f64>()
    }

    /// The bytes that these take.
    #[cfg(test)]
    pub fn allocated(&self) -> usize {
        self.nodes.capacity() * size_of::<f64>()
    }

    /// The weight of a leaf.
    pub fn get(&self, leaf: usize) -> f64 {
        self.nodes[self.nodes.len() / 2 + leaf]
    }

    /// Changes the weight of a leaf. Every sum is made anew of its two parts, so no error gathers, and a tree of equal leaves is equal to the
    /// last bit however it came to be.
    pub fn set(&mut self, leaf: usize, weight: f64) {
        let mut node = self.nodes.len() / 2 + leaf;
        self.positive = self.positive + usize::from(weight > 0.0) - usize::from(self.nodes[node] > 0.0);
        self.nodes[node] = weight;
        while node > 1 {
            node /= 2;
            self.nodes[node] = self.nodes[2 * node] + self.nodes[2 * node + 1];
        }
    }

    /// The sum of all leaves.
    pub fn total(&self) -> f64 {
        self.nodes[1]
    }

    /// How many leaves can be drawn.
    pub fn positive(&self) -> usize {
        self.positive
    }

    /// The leaf at `mass`, in `0..total`, when the leaves lie side by side as broad as their weights. One above 0, whatever rounding does to
    /// `mass`, if there is one.
    pub fn find(&self, mut mass: f64) -> usize {
        let leaves = self.nodes.len() / 2;
        let mut node = 1;
        while node < leaves {
            let left = self.nodes[2 * node];
            node *= 2;
            if mass >= left && self.nodes[node + 1] > 0.0 {
                mass -= left;
                node += 1;
            }
        }
        node - leaves
    }
}
