//! What somebody who mistyped a name may have meant.

/// The known name that is nearest to this one, if one is near: a letter or two too many, too few, wrong, or swapped.
pub fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // The longest name is much shorter; whatever came may be a megabyte.
    if word.len() > 64 {
        return None;
    }
    let lower = word.to_ascii_lowercase();
    let allowed = word.len().div_ceil(4).min(3);
    known
        .map(|name| (distance(lower.as_bytes(), name.as_bytes()), name))
        .filter(|(distance, name)| *distance <= allowed && *distance < name.len() / 2 + 1)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// How many letters to insert, remove, replace or swap with their neighbour.
fn distance(from: &[u8], to: &[u8]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=to.len()).collect();
    for (row, from_letter) in from.iter().enumerate() {
        let mut line = vec![row + 1];
        for (column, to_letter) in to.iter().enumerate() {
            let other = usize::from(from_letter != to_letter);
            let mut best = (above[column] + other).min(above[column + 1] + 1).min(line[column] + 1);
            if row > 0 && column > 0 && from[row - 1] == *to_letter && from[row] == to[column - 1] {
                best = best.min(before[column - 1] + 1);
            }
            line.push(best);
        }
        before = std::mem::replace(&mut above, line);
    }
    above[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_near_is_found() {
        let known = ["listener", "allow_anonymous", "max_keepalive", "port", "topic"];
        for (word, found) in [
            ("lisener", Some("listener")),
            ("listenre", Some("listener")),
            ("allow_anonymus", Some("allow_anonymous")),
            ("Max_Keepalive", Some("max_keepalive")),
            ("prot", Some("port")),
            ("topics", Some("topic")),
            ("frob", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, known.into_iter()), found, "{word}");
        }
        assert_eq!(nearest(&"x".repeat(1 << 20), known.into_iter()), None);
    }
}
