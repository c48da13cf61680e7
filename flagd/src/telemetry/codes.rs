//! The codes of gRPC as Connect has them: by number, the word and the HTTP status of an answer that says it.

/// By number.
pub const CODES: [(&str, u16); 17] = [
    ("ok", 200),
    ("canceled", 499),
    ("unknown", 500),
    ("invalid_argument", 400),
    ("deadline_exceeded", 504),
    ("not_found", 404),
    ("already_exists", 409),
    ("permission_denied", 403),
    ("resource_exhausted", 429),
    ("failed_precondition", 400),
    ("aborted", 409),
    ("out_of_range", 400),
    ("unimplemented", 501),
    ("internal", 500),
    ("unavailable", 503),
    ("data_loss", 500),
    ("unauthenticated", 401),
];

/// The code that an HTTP status most likely stands for.
pub fn code_for(status: u16) -> u8 {
    match status {
        405 | 415 | 505 => 12,
        413 | 431 => 8,
        408 => 4,
        500 => 13,
        // Of several the first: the others are rarer.
        _ => CODES.iter().zip(0..).find(|((_, known), _)| *known == status).map_or(2, |(_, code)| code),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_stands_for_the_code_that_is_answered_with_it() {
        let expected = [
            (200, 0),
            (400, 3),
            (401, 16),
            (403, 7),
            (404, 5),
            (405, 12),
            (408, 4),
            (409, 6),
            (413, 8),
            (415, 12),
            (418, 2),
            (429, 8),
            (431, 8),
            (499, 1),
            (500, 13),
            (501, 12),
            (503, 14),
            (504, 4),
            (505, 12),
        ];
        for (status, code) in expected {
            assert_eq!(code_for(status), code, "{status}");
        }
    }
}
