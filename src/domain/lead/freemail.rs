//! Mail domains that anybody can have an address at: such an address says nothing about a company.

/// The list; a line a domain.
const PUBLIC_MAIL: &str = include_str!("public_mail.txt");

fn domains() -> impl Iterator<Item = &'static str> {
    PUBLIC_MAIL.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// Whether an address at `domain` (lower case) can belong to a company.
pub fn is_business_domain(domain: &str) -> bool {
    !domains().any(|known| known == domain)
}

/// The account that an address belongs to: its domain in lower case, where that can be a company's.
pub fn account_of(address: &str) -> Option<String> {
    let (_, domain) = address.rsplit_once('@')?;
    let domain = domain.to_lowercase();
    (!domain.is_empty() && is_business_domain(&domain)).then_some(domain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_and_found() {
        let all: Vec<&str> = domains().collect();
        assert!(all.len() > 60 && all.windows(2).all(|pair| pair[0] < pair[1]), "sorted, each once");
        assert!(all.iter().all(|domain| !is_business_domain(domain) && *domain == domain.to_lowercase()));
        assert!(is_business_domain("northlight.example"));
        assert_eq!(account_of("Ada@Clinic.Example").as_deref(), Some("clinic.example"));
        assert_eq!(account_of("ada@GMAIL.com"), None);
    }
}
