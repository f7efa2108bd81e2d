//! What is handed out once: every id again. O(n).

/// Each id that was handed out before, by where it was handed out first and where again. `handed_out` says where, and
/// which id by its number; ids are numbered in the order in which they first appear.
pub fn repeats<T: Copy>(handed_out: impl IntoIterator<Item = (T, usize)>) -> impl Iterator<Item = (T, T)> {
    let mut first = Vec::new();
    handed_out.into_iter().filter_map(move |(place, id)| {
        let earlier = first.get(id).copied();
        if earlier.is_none() {
            first.push(place);
        }
        Some((earlier?, place))
    })
}
