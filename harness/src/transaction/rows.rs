//! Rows of numbers in one list: who reads what, who writes what.

/// Rows of numbers of different lengths.
#[derive(Debug, Clone, Default)]
pub struct Rows {
    first: Vec<u32>,
    list: Vec<u32>,
}

impl Rows {
    /// From pairs of row and number, in order of rows where that matters.
    pub fn new(rows: usize, pairs: &[(u32, u32)]) -> Self {
        let mut first = vec![0u32; rows + 2];
        for (row, _) in pairs {
            first[*row as usize + 2] += 1;
        }
        for index in 2..first.len() {
            first[index] += first[index - 1];
        }
        let mut list = vec![0; pairs.len()];
        for (row, number) in pairs {
            let place = &mut first[*row as usize + 1];
            list[*place as usize] = *number;
            *place += 1;
        }
        first.pop();
        Self { first, list }
    }

    /// A row.
    pub fn of(&self, row: u32) -> &[u32] {
        &self.list[self.first[row as usize] as usize..self.first[row as usize + 1] as usize]
    }
}
