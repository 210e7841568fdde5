//! An endpoint's address as others may read it.

/// An address without its query, in which some systems want a token.
pub fn without_query(url: &str) -> &str {
    url.split('?').next().unwrap_or(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_in_a_query_is_not_shown() {
        assert_eq!(without_query("https://a.example/in?token=s3cret?x"), "https://a.example/in");
        assert_eq!(without_query("https://a.example/in"), "https://a.example/in");
    }
}
