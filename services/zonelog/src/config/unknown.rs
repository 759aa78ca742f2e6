//! Unknown keys: all of them, each with the key that was probably meant.

use figment::value::{Dict, Value};

use super::Problem;
use super::place::{Places, dotted};

/// Takes away what the shape does not have and says so for each key.
pub(super) fn remove(given: &mut Dict, shape: &Dict, places: &Places<'_>) -> Vec<Problem> {
    let mut problems = Vec::new();
    walk(given, shape, &mut Vec::new(), places, &mut problems);
    problems
}

fn walk(
    given: &mut Dict,
    shape: &Dict,
    path: &mut Vec<String>,
    places: &Places<'_>,
    problems: &mut Vec<Problem>,
) {
    given.retain(|key, value| {
        path.push(key.clone());
        let known = match (shape.get(key), value) {
            (None, _) => {
                problems.push(Problem {
                    key: dotted(path),
                    place: places.of(path),
                    what: replaced(path).map_or_else(|| advice(key, shape), str::to_owned),
                });
                false
            }
            (Some(Value::Dict(_, inner)), Value::Dict(_, value)) => {
                walk(value, inner, path, places, problems);
                true
            }
            (Some(Value::Array(_, example)), Value::Array(_, elements)) => {
                if let Some(Value::Dict(_, inner)) = example.first() {
                    for (index, element) in elements.iter_mut().enumerate() {
                        if let Value::Dict(_, element) = element {
                            path.push(index.to_string());
                            walk(element, inner, path, places, problems);
                            path.pop();
                        }
                    }
                }
                true
            }
            (Some(_), _) => true,
        };
        path.pop();
        known
    });
}

/// What stands in the place of a key that there once was.
fn replaced(path: &[String]) -> Option<&'static str> {
    match path {
        [section] if section == "pool" || section == "server" => Some(
            "pools are kept in the log now: describe the pool in a pools.yaml (ops/config/pools.yaml shows how) and name that \
             in `file` of [pools], or run `zonelog pool update --file pools.yaml`; threshold_percent and masters are keys of \
             [pools], the pool's id is central.default_pool_id",
        ),
        _ => None,
    }
}

fn advice(key: &str, shape: &Dict) -> String {
    let nearest = shape.keys().map(|known| (distance(key, known), known)).min();
    match nearest {
        Some((distance, known)) if distance <= 1 + known.len() / 4 => {
            format!("there is no such key; did you mean `{known}`?")
        }
        _ => {
            let known: Vec<&str> = shape.keys().map(String::as_str).collect();
            format!("there is no such key; known here: {}", known.join(", "))
        }
    }
}

/// Levenshtein's distance: how many letters to add, drop or change.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let changed = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::distance;

    #[test]
    fn distances_count_letters() {
        assert_eq!(distance("listen", "listen"), 0);
        assert_eq!(distance("lisen", "listen"), 1);
        assert_eq!(distance("", "api"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
