//! Labels beside their moments, in as many rows as it takes for none to lie on another.

use super::axis::{Axis, Px};

/// How wide a letter is at most, on average: of the fonts that a label may be shown in.
const LETTER: f64 = 6.7;
/// What a label is cut to, and how many rows there are at most.
const LONGEST: usize = 46;
const MOST_ROWS: usize = 7;
/// More are not drawn: they would not be told apart.
const MOST: usize = 150;

/// A moment with its text.
pub struct Label {
    pub tick_x: Px,
    pub tick_y: Px,
    pub x: Px,
    pub y: Px,
    /// `start`, or `end` where it stands before its moment.
    pub anchor: &'static str,
    /// Empty where it has no room: the table has it.
    pub text: String,
}

/// The labels of moments, in the order of time, from `top` on; and how many rows they take.
pub fn place(moments: &[(f64, String)], axis: &Axis, top: f64, row_height: f64) -> (Vec<Label>, usize) {
    let mut taken: Vec<Vec<(f64, f64)>> = Vec::new();
    let labels = moments.iter().take(MOST).map(|(at, text)| {
        let (x, text) = (axis.x(*at), shortened(text));
        let width = text.chars().count() as f64 * LETTER + 10.0;
        // To the right of its moment if there is room, else to the left, else without its text.
        let spans = [("start", x - 3.0, x + width), ("end", x - width, x + 3.0)];
        let spans =
            spans.into_iter().filter(|(_, from, to)| *from >= axis.left - 4.0 && *to <= axis.right() + 20.0);
        let found = spans.into_iter().find_map(|(anchor, from, to)| {
            let free = |row: &Vec<(f64, f64)>| row.iter().all(|(a, b)| to < *a || from > *b);
            let row = taken.iter().position(free).unwrap_or(taken.len());
            (row < MOST_ROWS).then_some((anchor, from, to, row))
        });
        let (anchor, row, text) = match found {
            Some((anchor, from, to, row)) => {
                if row == taken.len() {
                    taken.push(Vec::new());
                }
                taken[row].push((from, to));
                (anchor, row, text)
            }
            None => ("start", 0, String::new()),
        };
        let y = top + row as f64 * row_height;
        Label {
            tick_x: Px(x),
            tick_y: Px(y + 2.0),
            x: Px(if anchor == "start" { x + 5.0 } else { x - 5.0 }),
            y: Px(y + row_height - 5.0),
            anchor,
            text,
        }
    });
    let labels = labels.collect();
    (labels, taken.len().max(1))
}

fn shortened(text: &str) -> String {
    if text.chars().count() <= LONGEST {
        return text.to_owned();
    }
    text.chars().take(LONGEST - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_of_one_moment_get_rows_of_their_own_and_none_is_beyond_the_edge() {
        let axis = Axis::new(0.0, 10.0, 100.0, 850.0);
        let moments: Vec<(f64, String)> =
            [1.0, 1.0, 1.001, 9.999].map(|at| (at, "fault-requested".to_owned())).into();
        let (labels, rows) = place(&moments, &axis, 0.0, 16.0);
        assert_eq!(rows, 3);
        let ys: Vec<Px> = labels.iter().map(|label| label.y).collect();
        assert_eq!(ys, [Px(11.0), Px(27.0), Px(43.0), Px(11.0)]);
        assert_eq!(labels[3].anchor, "end");
    }

    #[test]
    fn what_has_no_room_keeps_its_tick() {
        let axis = Axis::new(0.0, 10.0, 100.0, 850.0);
        let moments = vec![(5.0, "x".repeat(300)); 40];
        let (labels, rows) = place(&moments, &axis, 0.0, 16.0);
        assert_eq!((labels.len(), rows), (40, MOST_ROWS));
        assert!(labels[0].text.chars().count() <= LONGEST && labels[39].text.is_empty());
    }
}
