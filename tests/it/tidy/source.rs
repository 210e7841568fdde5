//! Reads Rust files far enough for the house rules: code without comments, strings and tests; the strings apart.
//!
//! Not a parser: it knows what a string, a comment and a pair of braces are, and no more.

use std::path::{Path, PathBuf};

/// One source file.
pub struct File {
    /// Path from the root of the project, with `/`.
    pub path: String,
    /// As it stands.
    pub text: String,
    /// The program's own code: comments, string contents and `#[cfg(test)]` items blanked out, line by line.
    pub code: String,
    /// The code of tests too.
    pub code_and_tests: String,
    /// String literals of the program's own code with the line they begin on.
    pub strings: Vec<(usize, String)>,
}

impl File {
    /// Takes `text` apart.
    pub fn new(path: &str, text: &str) -> Self {
        let (code_and_tests, all_strings) = split(text);
        let code = if is_test(path) {
            code_and_tests.chars().map(|c| if c == '\n' { c } else { ' ' }).collect()
        } else {
            without_tests(&code_and_tests)
        };
        // A string of a test stands where the code was blanked.
        let strings = all_strings
            .into_iter()
            .filter(|(at, _)| code.as_bytes().get(*at) == Some(&b'"'))
            .map(|(at, string)| (line_of(text, at), string))
            .collect();
        Self { path: path.to_owned(), text: text.to_owned(), code, code_and_tests, strings }
    }

    /// All `.rs` files under a folder of the project, in order of their paths.
    pub fn all(folder: &str) -> Vec<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut paths = Vec::new();
        collect(&root.join(folder), &mut paths);
        paths.sort();
        let files = paths.into_iter().map(|path| {
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
            Self::new(&name, &std::fs::read_to_string(&path).unwrap())
        });
        files.collect()
    }

    /// The lines of the program's own code on which `needle` stands.
    pub fn lines_with<'a>(&'a self, needle: &'a str) -> impl Iterator<Item = usize> + 'a {
        self.code.lines().enumerate().filter(move |(_, line)| line.contains(needle)).map(|(at, _)| at + 1)
    }

    /// Whether it is a file of tests beside the code.
    pub fn is_test(&self) -> bool {
        is_test(&self.path)
    }

    /// The module's path in the crate: `work`, `sync` of `src/work/sync.rs`.
    pub fn module(&self) -> Vec<String> {
        let inner = self.path.strip_prefix("src/").unwrap_or(&self.path).trim_end_matches(".rs");
        let mut parts: Vec<String> = inner.split('/').map(str::to_owned).collect();
        if matches!(parts.last().map(String::as_str), Some("mod" | "lib" | "main")) {
            parts.pop();
        }
        parts
    }
}

/// A file of tests beside the code, declared there behind `#[cfg(test)]`.
fn is_test(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.ends_with("_tests.rs") || path.contains("/tests/")
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in folder.read_dir().unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            paths.push(path);
        }
    }
}

fn line_of(text: &str, at: usize) -> usize {
    text.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() + 1
}

/// Blanks comments and the insides of strings, byte by byte so that places stay the same; returns the strings with
/// the place of their opening quote.
fn split(text: &str) -> (String, Vec<(usize, String)>) {
    let bytes = text.as_bytes();
    let mut code = bytes.to_vec();
    let mut strings = Vec::new();
    let mut blank = |from: usize, to: usize| {
        code[from..to].iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b' ');
    };
    let mut at = 0;
    while at < bytes.len() {
        let rest = &text.as_bytes()[at..];
        if rest.starts_with(b"//") {
            let end = at + rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
            blank(at, end);
            at = end;
        } else if rest.starts_with(b"/*") {
            let end = end_of_block_comment(bytes, at);
            blank(at, end);
            at = end;
        } else if let Some((open, close)) = string_at(bytes, at) {
            blank(open + 1, close);
            strings.push((open, String::from_utf8_lossy(&bytes[open + 1..close]).into_owned()));
            at = close + 1;
        } else if let Some(end) = char_at(text, at) {
            blank(at + 1, end - 1);
            at = end;
        } else {
            at += 1;
        }
    }
    (String::from_utf8(code).expect("whole characters are blanked"), strings)
}

fn end_of_block_comment(bytes: &[u8], start: usize) -> usize {
    let (mut at, mut depth) = (start, 0);
    while at < bytes.len() {
        if bytes[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if bytes[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    at
}

/// Where the string that begins at `at`, with its `b`, `r` and `#`, has its opening and its closing quote.
fn string_at(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if bytes[at] != b'"' && at > 0 && is_name(bytes[at - 1]) {
        return None;
    }
    let mut open = at;
    if matches!(bytes[open], b'b' | b'c') {
        open += 1;
    }
    let raw = bytes.get(open) == Some(&b'r');
    if raw {
        open += 1;
    }
    let hashes = bytes[open..].iter().take_while(|byte| raw && **byte == b'#').count();
    open += hashes;
    if bytes.get(open) != Some(&b'"') {
        return None;
    }
    let mut close = open + 1;
    while close < bytes.len() {
        match bytes[close] {
            b'\\' if !raw => close += 2,
            b'"' if !raw
                || bytes[close + 1..].iter().take(hashes).filter(|byte| **byte == b'#').count() == hashes =>
            {
                return Some((open, close));
            }
            _ => close += 1,
        }
    }
    None
}

/// Where the character literal that begins at `at` ends; a lifetime is none.
fn char_at(text: &str, at: usize) -> Option<usize> {
    let rest = text.get(at..)?.strip_prefix('\'')?;
    let inner = if rest.starts_with('\\') {
        rest.char_indices().skip(2).find(|(_, c)| *c == '\'').map(|(end, _)| end)?
    } else {
        let first = rest.chars().next()?.len_utf8();
        rest[first..].starts_with('\'').then_some(first)?
    };
    Some(at + 1 + inner + 1)
}

/// Blanks every item that stands behind `#[cfg(test)]`.
fn without_tests(code: &str) -> String {
    let mut bytes = code.as_bytes().to_vec();
    let mut from = 0;
    while let Some(found) = code[from..].find("#[cfg(test)]") {
        let start = from + found;
        let end = end_of_item(code.as_bytes(), start);
        bytes[start..end].iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b' ');
        from = end;
    }
    String::from_utf8(bytes).expect("whole characters are blanked")
}

/// The end of the item that begins at `start`: its closing brace, or its semicolon.
fn end_of_item(bytes: &[u8], start: usize) -> usize {
    let mut depth = 0_usize;
    for (at, byte) in bytes.iter().enumerate().skip(start) {
        match byte {
            b';' if depth == 0 => return at + 1,
            b'{' => depth += 1,
            b'}' => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
    }
    bytes.len()
}

/// Names, first lines and lengths in lines of all functions with a body.
pub fn functions(code: &str) -> Vec<(String, usize, usize)> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("fn ") {
        if at > 0 && !code.as_bytes()[at - 1].is_ascii_whitespace() && code.as_bytes()[at - 1] != b'(' {
            continue;
        }
        let name: String = code[at + 3..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        if name.is_empty() {
            continue; // a function pointer's type
        }
        let end = end_of_item(code.as_bytes(), at);
        let first = line_of(code, at);
        found.push((name, first, line_of(code, end.saturating_sub(1)) - first + 1));
    }
    found
}

/// The paths that `code` names from the crate's root on, with their lines: `crate::a::b` and `use crate::{a, b::c}`
/// alike, and `super::super::a` as seen from `module`.
pub fn crate_paths(code: &str, module: &[String]) -> Vec<(usize, Vec<String>)> {
    let mut found = Vec::new();
    for root in ["crate::", "partnercast::", "super::"] {
        for (at, _) in code.match_indices(root) {
            let before = code[..at].chars().next_back().unwrap_or(' ');
            if before.is_alphanumeric() || before == '_' || before == ':' {
                continue; // the middle of another path; a second `super` is read with the first
            }
            let mut start = at + root.len();
            let mut prefix = Vec::new();
            if root == "super::" {
                let mut ups = 1;
                while code[start..].starts_with("super::") {
                    ups += 1;
                    start += "super::".len();
                }
                // Inline modules are not followed: what they say with one `super` is the file itself.
                prefix = module[..module.len().saturating_sub(ups)].to_vec();
            }
            let mut paths = Vec::new();
            tree(code, start, &prefix, &mut paths);
            found.extend(paths.into_iter().map(|path| (line_of(code, at), path)));
        }
    }
    found
}

/// Reads one use tree at `at` and returns where it ends.
fn tree(code: &str, mut at: usize, prefix: &[String], paths: &mut Vec<Vec<String>>) -> usize {
    let skip = |at: usize| at + (code[at..].len() - code[at..].trim_start().len());
    let mut path = prefix.to_vec();
    loop {
        at = skip(at);
        if code[at..].starts_with('{') {
            at += 1;
            loop {
                at = skip(at);
                if code[at..].starts_with('}') || at >= code.len() {
                    return at + 1;
                }
                at = skip(tree(code, at, &path, paths));
                if code[at..].starts_with(',') {
                    at += 1;
                }
            }
        }
        let name: String = code[at..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        at += name.len().max(usize::from(code[at..].starts_with('*')));
        if !name.is_empty() && name != "self" {
            path.push(name);
        }
        if code[at..].starts_with("::") {
            at += 2;
            continue;
        }
        if let Some(rest) = code[at..].strip_prefix(" as ") {
            at += 4 + rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').count();
        }
        paths.push(path);
        return at.max(skip(at));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_comments_and_tests_are_no_code() {
        let text = "fn a() { let x = \"crate::web\"; } // crate::web\n/* crate::cli */ const C: char = '\"';\n\
                    const R: &str = r#\"SELECT \" FROM\"#;\n#[cfg(test)]\nmod tests { fn b() { \"x\"; } }\nfn c<'a>() {}";
        let file = File::new("src/work/x.rs", text);
        assert!(!file.code.contains("crate::") && !file.code.contains("fn b"));
        assert!(file.code.contains("fn c<'a>") && file.code_and_tests.contains("fn b"));
        assert_eq!(file.strings, [(1, "crate::web".to_owned()), (3, "SELECT \" FROM".to_owned())]);
    }

    #[test]
    fn paths_are_followed_into_groups_and_up() {
        let module = ["work".to_owned(), "sync".to_owned()];
        let code = "use crate::{store::{Db, deliveries as d}, domain::kernel::*};\nsuper::super::web::x();\nuse super::publish;";
        let mut paths: Vec<_> = crate_paths(code, &module).into_iter().map(|(_, p)| p.join("::")).collect();
        paths.sort();
        assert_eq!(paths, ["domain::kernel", "store::Db", "store::deliveries", "web::x", "work::publish"]);
    }

    #[test]
    fn functions_are_measured_to_their_closing_brace() {
        let code = "fn a() {\n    b(|| {\n    });\n}\npub async fn c();\nlet f: fn (x) = y;";
        assert_eq!(functions(code), [("a".to_owned(), 1, 4), ("c".to_owned(), 5, 1)]);
    }
}
