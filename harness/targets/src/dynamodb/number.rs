//! One spelling for equal numbers: DynamoDB keeps 38 digits exactly, and answers as text.

/// The sign, the digits without zeros at either end, and the power of ten of the last digit.
#[derive(Debug)]
pub(super) struct Number<'a> {
    negative: bool,
    /// The digits before the point as it was written, and those after it: where it stood does not count any more.
    digits: [&'a [u8]; 2],
    exponent: i64,
}

impl<'a> Number<'a> {
    /// Reads a decimal, with or without fraction and exponent; `None` where it is none.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let (negative, unsigned) = match text.as_bytes().first()? {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let (mut whole, mut fraction) = (whole.as_bytes(), fraction.as_bytes());
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        if !whole.iter().chain(fraction).all(u8::is_ascii_digit) {
            return None;
        }
        let mut exponent = exponent.checked_sub(i64::try_from(fraction.len()).ok()?)?;
        for part in [&mut fraction, &mut whole] {
            while let [rest @ .., b'0'] = *part {
                *part = rest;
                exponent = exponent.checked_add(1)?;
            }
            if !part.is_empty() {
                break;
            }
        }
        for part in [&mut whole, &mut fraction] {
            while let [b'0', rest @ ..] = *part {
                *part = rest;
            }
            if !part.is_empty() {
                break;
            }
        }
        if whole.is_empty() && fraction.is_empty() {
            return Some(Self { negative: false, digits: [whole, fraction], exponent: 0 });
        }
        Some(Self { negative, digits: [whole, fraction], exponent })
    }

    /// Bytes that are the same for equal numbers and differ for others.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.push(u8::from(self.negative));
        out.extend_from_slice(&self.exponent.to_le_bytes());
        self.digits.iter().for_each(|digits| out.extend_from_slice(digits));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str) -> Vec<u8> {
        let mut out = Vec::new();
        Number::parse(text).unwrap_or_else(|| panic!("{text} is a number")).write(&mut out);
        out
    }

    #[test]
    fn equal_numbers_have_one_form_and_others_another() {
        let groups: [&[&str]; 9] = [
            &["0", "-0", "+0", "0.0", ".0", "0.", "0e5", "-0.00E-7", "000"],
            &["1", "1.0", "1e0", "+1", "01", "10e-1", "0.1e1", "1.", "0.0001e+4"],
            &["-1", "-1.0", "-10E-1"],
            &["10", "1e1", "10.0", "0010"],
            &["100.01", "1.0001e2", "10001e-2", "0100.0100"],
            &["0.001", "1e-3", ".001", "0.0010"],
            &["12345678901234567890123456789012345678", "1.2345678901234567890123456789012345678e37"],
            &["12345678901234567890123456789012345679"],
            &["1e125", "1000e122"],
        ];
        for (at, group) in groups.iter().enumerate() {
            for text in *group {
                assert_eq!(bytes(text), bytes(group[0]), "{text}");
                for other in groups.iter().skip(at + 1) {
                    assert_ne!(bytes(text), bytes(other[0]), "{text} and {}", other[0]);
                }
            }
        }
    }

    #[test]
    fn what_is_no_number_is_none() {
        for text in ["", "-", ".", "e5", "1e", "1e5.0", "NaN", "0x1", "1 ", "1e99999999999999999999"] {
            assert!(Number::parse(text).is_none(), "{text}");
        }
    }
}
