//! A sparse matrix row by row.

use std::error::Error;
use std::fmt::{self, Display, Formatter};
use std::sync::{Arc, OnceLock};

/// Entries that a thread takes at a time, about; a row counts as one more.
const PART: usize = 1 << 14;

/// A sparse matrix of `f32` in compressed rows (CSR), which never changes. Clones share its memory.
#[derive(Clone)]
pub struct SparseMatrix(Arc<Inner>);

struct Inner {
    compressed: Compressed,
    symmetric: bool,
    transposed: OnceLock<SparseMatrix>,
}

/// What a matrix is made of.
#[derive(PartialEq)]
struct Compressed {
    columns: usize,
    /// Where the entries of every row begin, and where the last ones end.
    offsets: Vec<usize>,
    indices: Vec<u32>,
    values: Vec<f32>,
    /// Where parts of rows begin that have about as many entries, and the number of rows.
    parts: Vec<usize>,
}

/// Why something is no sparse matrix.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SparseError {
    /// More rows or columns than `u32` can number.
    TooLarge(usize),
    /// Row offsets must begin with 0, never fall, and end with the number of entries. The place of the first that does not.
    Offsets {
        /// Which offset.
        at: usize,
    },
    /// Not as many values as column indices.
    Values {
        /// How many indices.
        indices: usize,
        /// How many values.
        values: usize,
    },
    /// The columns of a row must rise, and lie in the matrix.
    Column {
        /// In this row.
        row: usize,
        /// The first column that does not.
        column: u32,
    },
    /// A matrix that was said to equal its transpose does not.
    NotSymmetric,
    /// An edge must come after the one before it, by user and then by item, and its nodes must exist.
    Edge {
        /// Which edge.
        at: usize,
        /// Its user.
        user: u32,
        /// Its item.
        item: u32,
    },
}

impl Display for SparseError {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge(size) => {
                write!(formatter, "a sparse matrix has at most 2³² rows and columns, not {size}")
            }
            Self::Offsets { at } => write!(
                formatter,
                "row offset {at} is wrong: they begin with 0, never fall and end with the number of entries"
            ),
            Self::Values { indices, values } => {
                write!(formatter, "{indices} column indices, but {values} values")
            }
            Self::Column { row, column } => {
                write!(
                    formatter,
                    "column {column} of row {row} lies outside the matrix or not after the one before it"
                )
            }
            Self::NotSymmetric => formatter.write_str("a matrix that should equal its transpose does not"),
            Self::Edge { at, user, item } => write!(
                formatter,
                "edge {at}, of user {user} and item {item}, names a node that does not exist, repeats an edge or is out of order"
            ),
        }
    }
}

impl Error for SparseError {}

impl SparseMatrix {
    /// A matrix of so many columns: entries of row r are those from `offsets[r]` to `offsets[r + 1]`, in rising columns `indices`.
    ///
    /// # Errors
    ///
    /// If these parts do not fit together.
    pub fn new(
        columns: usize,
        offsets: Vec<usize>,
        indices: Vec<u32>,
        values: Vec<f32>,
    ) -> Result<Self, SparseError> {
        Ok(Self::of(Compressed::checked(columns, offsets, indices, values)?, false))
    }

    /// As [`new`](Self::new), of a square matrix that equals its transpose, so that none need be kept for the gradient.
    ///
    /// # Errors
    ///
    /// If the parts do not fit together, or the matrix does not equal its transpose.
    pub fn symmetric(offsets: Vec<usize>, indices: Vec<u32>, values: Vec<f32>) -> Result<Self, SparseError> {
        let columns = offsets.len().saturating_sub(1);
        let compressed = Compressed::checked(columns, offsets, indices, values)?;
        if compressed.transposed() != compressed {
            return Err(SparseError::NotSymmetric);
        }
        Ok(Self::of(compressed, true))
    }

    /// D^−½ A D^−½ of the graph with these edges from users to items, A being its adjacency matrix without loops and D its degrees
    /// (LightGCN, equation 8). Nodes are all users and then all items; edges `(user, item)` lie in order, by user and then by item, each
    /// once. Nodes without edges have empty rows.
    ///
    /// # Errors
    ///
    /// For an edge that is out of order, comes twice or has a node that does not exist, and for more nodes than `u32` can number.
    pub fn bipartite(users: usize, items: usize, edges: &[(u32, u32)]) -> Result<Self, SparseError> {
        let nodes = users.saturating_add(items);
        if nodes > u32::MAX as usize {
            return Err(SparseError::TooLarge(nodes));
        }
        let mut before = None;
        for (at, &(user, item)) in edges.iter().enumerate() {
            let exists = (user as usize) < users && (item as usize) < items;
            if !exists || before.is_some_and(|before| before >= (user, item)) {
                return Err(SparseError::Edge { at, user, item });
            }
            before = Some((user, item));
        }
        let mut offsets = vec![0; nodes + 1];
        for &(user, item) in edges {
            offsets[user as usize + 1] += 1;
            offsets[users + item as usize + 1] += 1;
        }
        let roots: Vec<f64> = offsets[1..].iter().map(|&degree| f64::sqrt(degree as f64)).collect();
        sum_up(&mut offsets);
        let mut ends = offsets.clone();
        let mut indices = vec![0; 2 * edges.len()];
        let mut values = vec![0.0; 2 * edges.len()];
        // In order of users the columns of every row rise, those of items too.
        for &(user, item) in edges {
            let (user, item) = (user as usize, users + item as usize);
            let value = (1.0 / (roots[user] * roots[item])) as f32;
            for (row, column) in [(user, item), (item, user)] {
                let at = ends[row];
                indices[at] = column as u32;
                values[at] = value;
                ends[row] += 1;
            }
        }
        Ok(Self::of(Compressed::new(nodes, offsets, indices, values), true))
    }

    fn of(compressed: Compressed, symmetric: bool) -> Self {
        Self(Arc::new(Inner { compressed, symmetric, transposed: OnceLock::new() }))
    }

    /// How many rows it has.
    pub fn rows(&self) -> usize {
        self.0.compressed.offsets.len() - 1
    }

    /// How many columns it has.
    pub fn columns(&self) -> usize {
        self.0.compressed.columns
    }

    /// How many entries are kept.
    pub fn entries(&self) -> usize {
        self.0.compressed.indices.len()
    }

    /// Where the entries of every row begin, and where the last ones end.
    pub fn offsets(&self) -> &[usize] {
        &self.0.compressed.offsets
    }

    /// The columns of all entries, row by row.
    pub fn indices(&self) -> &[u32] {
        &self.0.compressed.indices
    }

    /// The values of all entries, row by row.
    pub fn values(&self) -> &[f32] {
        &self.0.compressed.values
    }

    /// The transpose; of a symmetric matrix itself, of any other built on the first call and then kept.
    pub fn transpose(&self) -> &Self {
        if self.0.symmetric {
            return self;
        }
        self.0.transposed.get_or_init(|| Self::of(self.0.compressed.transposed(), false))
    }

    /// Where parts of rows begin that have about as many entries, and the number of rows. These do not depend on the number of threads.
    pub(super) fn parts(&self) -> &[usize] {
        &self.0.compressed.parts
    }
}

impl fmt::Debug for SparseMatrix {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(formatter, "SparseMatrix({} × {}, {} entries)", self.rows(), self.columns(), self.entries())
    }
}

impl Compressed {
    /// Of parts that fit together.
    fn new(columns: usize, offsets: Vec<usize>, indices: Vec<u32>, values: Vec<f32>) -> Self {
        let rows = offsets.len() - 1;
        let mut parts = vec![0];
        let mut first = 0;
        for row in 0..rows {
            if offsets[row + 1] - offsets[first] + row + 1 - first >= PART {
                first = row + 1;
                parts.push(first);
            }
        }
        if first < rows {
            parts.push(rows);
        }
        Self { columns, offsets, indices, values, parts }
    }

    fn checked(
        columns: usize,
        offsets: Vec<usize>,
        indices: Vec<u32>,
        values: Vec<f32>,
    ) -> Result<Self, SparseError> {
        let largest = columns.max(offsets.len());
        if largest > u32::MAX as usize {
            return Err(SparseError::TooLarge(largest));
        }
        if indices.len() != values.len() {
            return Err(SparseError::Values { indices: indices.len(), values: values.len() });
        }
        if offsets.first() != Some(&0) {
            return Err(SparseError::Offsets { at: 0 });
        }
        if let Some(at) = offsets.windows(2).position(|pair| pair[1] < pair[0] || pair[1] > indices.len()) {
            return Err(SparseError::Offsets { at: at + 1 });
        }
        if offsets.last() != Some(&indices.len()) {
            return Err(SparseError::Offsets { at: offsets.len() - 1 });
        }
        for (row, range) in offsets.windows(2).enumerate() {
            let mut next = 0;
            for &column in &indices[range[0]..range[1]] {
                if (column as usize) < next || column as usize >= columns {
                    return Err(SparseError::Column { row, column });
                }
                next = column as usize + 1;
            }
        }
        Ok(Self::new(columns, offsets, indices, values))
    }

    fn transposed(&self) -> Self {
        let rows = self.offsets.len() - 1;
        let mut offsets = vec![0; self.columns + 1];
        for &column in &self.indices {
            offsets[column as usize + 1] += 1;
        }
        sum_up(&mut offsets);
        let mut ends = offsets.clone();
        let (mut indices, mut values) = (vec![0; self.indices.len()], vec![0.0; self.values.len()]);
        for row in 0..rows {
            for at in self.offsets[row]..self.offsets[row + 1] {
                let end = &mut ends[self.indices[at] as usize];
                indices[*end] = row as u32;
                values[*end] = self.values[at];
                *end += 1;
            }
        }
        Self::new(rows, offsets, indices, values)
    }
}

/// Counts to offsets.
fn sum_up(counts: &mut [usize]) {
    let mut sum = 0;
    for count in counts {
        sum += *count;
        *count = sum;
    }
}
