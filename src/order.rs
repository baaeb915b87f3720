//! Orders lists as `slice::sort_by` does, by one sort of their places: the library's own stands in the program once for
//! each type and order, and has more room than what is sorted. For lists that are not long.

use std::cmp::Ordering;

/// Sorts; what compares equal stays in its order.
pub(crate) fn sort_by<T>(list: &mut [T], compare: impl Fn(&T, &T) -> Ordering) {
    if list.len() < 2 {
        return;
    }
    let swaps = swaps(list.len(), &|a, b| match (list.get(a), list.get(b)) {
        (Some(a), Some(b)) => compare(a, b),
        _ => Ordering::Equal,
    });
    for (a, b) in swaps {
        list.swap(a, b);
    }
}

/// The same in the order of the type.
pub(crate) fn sort<T: Ord>(list: &mut [T]) {
    sort_by(list, T::cmp);
}

/// The same by a key.
pub(crate) fn sort_by_key<T, K: Ord>(list: &mut [T], key: impl Fn(&T) -> K) {
    sort_by(list, |a, b| key(a).cmp(&key(b)));
}

/// What is swapped, in turn, for `count` places to be in order.
fn swaps(count: usize, compare: &dyn Fn(usize, usize) -> Ordering) -> Vec<(usize, usize)> {
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by(|a, b| compare(*a, *b));
    let mut swaps = Vec::new();
    for start in 0..count {
        // once around the places that change among themselves
        let mut at = start;
        while let Some(next) = order.get_mut(at).map(|from| std::mem::replace(from, at))
            && next != start
            && next != at
        {
            swaps.push((at, next));
            at = next;
        }
    }
    swaps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn case(list: &[(u8, u8)]) {
        let (mut ours, mut theirs) = (list.to_vec(), list.to_vec());
        sort_by_key(&mut ours, |pair| pair.0);
        theirs.sort_by_key(|pair| pair.0);
        assert_eq!(ours, theirs);
    }

    #[test]
    fn as_the_library_does() {
        case(&[]);
        case(&[(1, 0)]);
        case(&[(2, 0), (1, 0)]);
        case(&[(3, 0), (1, 0), (2, 0), (1, 1), (3, 1), (0, 0), (1, 2)]);
        let many: Vec<(u8, u8)> = (0..=u8::MAX).map(|at| (at.wrapping_mul(37) % 19, at)).collect();
        case(&many);
    }
}
