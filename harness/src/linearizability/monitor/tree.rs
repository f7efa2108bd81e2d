//! Two trees over a row of cells, in arrays: covering counts of ranges, and the greatest of a range.

/// How often each cell is covered; ranges are added in O(log n), the next uncovered cell is found in O(log n).
pub struct Counts {
    size: usize,
    /// By node: the least count below it, without what its ancestors add.
    least: Vec<i32>,
    /// By node: what is added to all cells below it.
    added: Vec<i32>,
}

impl Counts {
    /// `cells` cells, none covered.
    pub fn new(cells: usize) -> Self {
        let size = cells.max(1).next_power_of_two();
        Self { size, least: vec![0; 2 * size], added: vec![0; 2 * size] }
    }

    /// Adds to the counts of the cells from `start` to before `end`.
    pub fn add(&mut self, start: usize, end: usize, amount: i32) {
        if start >= end {
            return;
        }
        let (mut low, mut high) = (start + self.size, end + self.size);
        while low < high {
            if low & 1 == 1 {
                self.apply(low, amount);
                low += 1;
            }
            if high & 1 == 1 {
                high -= 1;
                self.apply(high, amount);
            }
            (low, high) = (low / 2, high / 2);
        }
        self.rise(start + self.size);
        self.rise(end - 1 + self.size);
    }

    fn apply(&mut self, node: usize, amount: i32) {
        self.least[node] += amount;
        self.added[node] += amount;
    }

    /// Brings the nodes above a cell up to date.
    fn rise(&mut self, mut node: usize) {
        while node > 1 {
            node /= 2;
            self.least[node] = self.least[2 * node].min(self.least[2 * node + 1]) + self.added[node];
        }
    }

    /// The first cell at or behind `start` that nothing covers. Counts never are below zero.
    pub fn uncovered(&self, start: usize) -> Option<usize> {
        if start >= self.size {
            return None;
        }
        let mut node = start + self.size;
        // What the ancestors of the node add.
        let mut above: i32 = std::iter::successors(Some(node / 2), |node| Some(node / 2))
            .take_while(|node| *node > 0)
            .map(|node| self.added[node])
            .sum();
        while self.least[node] + above > 0 {
            while node & 1 == 1 {
                node /= 2;
                if node == 0 {
                    return None;
                }
                above -= self.added[node];
            }
            node += 1;
        }
        while node < self.size {
            above += self.added[node];
            node *= 2;
            if self.least[node] + above > 0 {
                node += 1;
            }
        }
        Some(node - self.size)
    }
}

/// The greatest of the numbers in a range of cells, in O(log n).
pub struct Greatest {
    size: usize,
    numbers: Vec<u64>,
}

impl Greatest {
    /// `cells` cells with nothing in them.
    pub fn new(cells: usize) -> Self {
        let size = cells.max(1).next_power_of_two();
        Self { size, numbers: vec![0; 2 * size] }
    }

    /// Puts a number in a cell; zero is nothing.
    pub fn set(&mut self, cell: usize, number: u64) {
        let mut node = cell + self.size;
        self.numbers[node] = number;
        while node > 1 {
            node /= 2;
            self.numbers[node] = self.numbers[2 * node].max(self.numbers[2 * node + 1]);
        }
    }

    /// The first cell from `start` to before `end` with a number of at least `least`, which is not zero.
    pub fn at_least(&self, start: usize, end: usize, least: u64) -> Option<usize> {
        if start >= self.size {
            return None;
        }
        let mut node = start + self.size;
        while self.numbers[node] < least {
            while node & 1 == 1 {
                node /= 2;
                if node == 0 {
                    return None;
                }
            }
            node += 1;
        }
        while node < self.size {
            node *= 2;
            if self.numbers[node] < least {
                node += 1;
            }
        }
        let cell = node - self.size;
        (cell < end).then_some(cell)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn counts_are_those_of_an_array(
            cells in 1usize..20,
            ranges in prop::collection::vec((0usize..20, 0usize..20, any::<bool>()), 0..12),
        ) {
            let (mut tree, mut array) = (Counts::new(cells), vec![0; cells]);
            for (start, end, keep) in ranges {
                let (start, end) = (start.min(cells), end.min(cells));
                for amount in if keep { vec![1] } else { vec![1, -1] } {
                    tree.add(start, end, amount);
                    array.iter_mut().take(end).skip(start).for_each(|count| *count += amount);
                }
                for from in 0..cells {
                    let expected = (from..cells).find(|cell| array[*cell] == 0);
                    prop_assert_eq!(tree.uncovered(from).filter(|cell| *cell < cells), expected);
                }
            }
        }

        #[test]
        fn greatest_is_that_of_an_array(
            numbers in prop::collection::vec(0u64..9, 1..20),
            start in 0usize..22,
            end in 0usize..22,
            least in 1u64..9,
        ) {
            let mut tree = Greatest::new(numbers.len());
            for (cell, number) in numbers.iter().enumerate() {
                tree.set(cell, *number);
            }
            let expected = (start..end.min(numbers.len())).find(|cell| numbers[*cell] >= least);
            prop_assert_eq!(tree.at_least(start, end, least), expected);
        }
    }
}
