//! Content: asset kinds, front matter, Markdown, merge fields, findings, the library.
