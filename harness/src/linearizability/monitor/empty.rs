//! Queues and stacks that were found empty though some value was surely in them at each moment.

use super::{
    container::Part,
    contents::{Contents, Empty, NEVER},
    sentence::Words,
};

/// An operation that found nothing though the container was surely never empty in its time, with the values that were
/// in it: a shortest chain of them. O(n log n).
pub fn occupied(contents: &Contents) -> Option<Part> {
    if contents.empties.is_empty() {
        return None;
    }
    let mut spans: Vec<u32> = (0..contents.items.len() as u32).collect();
    spans.retain(|item| contents.items[*item as usize].add_ret < contents.items[*item as usize].take_call);
    spans.sort_unstable_by_key(|item| contents.items[*item as usize].add_ret);
    let mut empties: Vec<u32> = (0..contents.empties.len() as u32).collect();
    empties.sort_unstable_by_key(|empty| contents.empties[*empty as usize].call);
    // The value that stays longest of those that were in before the time of the operation at hand.
    let mut next = 0;
    let mut longest: Option<u32> = None;
    let leaves = |item: Option<u32>| item.map_or(0, |item| contents.items[item as usize].take_call);
    for empty in empties {
        let Empty { call, ret, .. } = contents.empties[empty as usize];
        while next < spans.len() && contents.items[spans[next] as usize].add_ret < call {
            if leaves(Some(spans[next])) > leaves(longest) {
                longest = Some(spans[next]);
            }
            next += 1;
        }
        if leaves(longest) <= call {
            continue;
        }
        // A chain of values, each put in before the one before it may have left.
        let mut chain: Vec<u32> = longest.into_iter().collect();
        let mut ahead = next;
        while leaves(chain.last().copied()) <= ret {
            let end = leaves(chain.last().copied());
            let mut best = None;
            while ahead < spans.len() && contents.items[spans[ahead] as usize].add_ret < end {
                if leaves(Some(spans[ahead])) > leaves(best) {
                    best = Some(spans[ahead]);
                }
                ahead += 1;
            }
            match best.filter(|_| leaves(best) > end) {
                Some(item) => chain.push(item),
                None => break,
            }
        }
        if leaves(chain.last().copied()) > ret {
            return Some(Part { items: chain, empties: vec![empty] });
        }
    }
    None
}

/// The sentence for it; `stays` are values with the times from when and until when they were in.
pub fn not_empty(
    noun: &str,
    words: &Words<'_>,
    empty: Empty,
    stays: impl Iterator<Item = (String, u64, u64)>,
) -> String {
    let stays: Vec<String> = stays
        .map(|(value, from, to)| match to {
            NEVER => format!("{value} was in it by {} and never came out", words.time(from)),
            to => format!("{value} was in it by {} and not taken out before {}", words.time(from), words.time(to)),
        })
        .collect();
    let found = format!("{} found the {noun} empty {}", words.who(empty.op), words.during(empty.op));
    format!("{found}, but it was not: {}", words.list(&stays))
}
