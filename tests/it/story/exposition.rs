//! A strict reader of the OpenMetrics text form (OpenMetrics 1.0.0, section "Text format"): what it does not know is a
//! fault, and so is what a lenient reader would repair.

use std::collections::{BTreeMap, BTreeSet};

/// One value.
#[derive(Debug, Clone)]
pub struct Sample {
    pub name: String,
    pub labels: BTreeMap<String, String>,
    pub value: f64,
}

/// A family of values.
#[derive(Debug, Default)]
pub struct Family {
    pub kind: String,
    pub help: String,
    pub unit: String,
    pub samples: Vec<Sample>,
}

/// Reads all families, or says what is wrong on which line.
pub fn read(text: &str) -> Result<BTreeMap<String, Family>, String> {
    let body = text.strip_suffix("# EOF\n").ok_or("the text does not end in `# EOF` and a line feed")?;
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let mut current = String::new();
    for (at, line) in body.lines().enumerate() {
        let fault = |why: &str| format!("line {}: {why}: {line}", at + 1);
        if let Some(meta) = line.strip_prefix("# ") {
            let (word, rest) = meta.split_once(' ').ok_or_else(|| fault("no keyword"))?;
            let (name, said) = rest.split_once(' ').unwrap_or((rest, ""));
            if !is_name(name) {
                return Err(fault("no metric name"));
            }
            if name != current {
                if families.contains_key(name) {
                    return Err(fault("the family began before"));
                }
                name.clone_into(&mut current);
            }
            let family = families.entry(name.to_owned()).or_default();
            if !family.samples.is_empty() {
                return Err(fault("metadata after samples"));
            }
            let place = match word {
                "HELP" => &mut family.help,
                "TYPE" => &mut family.kind,
                "UNIT" => &mut family.unit,
                _ => return Err(fault("unknown keyword")),
            };
            if !place.is_empty() {
                return Err(fault("said twice"));
            }
            said.clone_into(place);
            continue;
        }
        let sample = sample(line).map_err(|why| fault(&why))?;
        let family = families.get_mut(&current).ok_or_else(|| fault("a sample without a family"))?;
        let suffix = sample.name.strip_prefix(current.as_str()).ok_or_else(|| fault("of another family"))?;
        let fits: &[&str] = match family.kind.as_str() {
            "counter" => &["_total"],
            "gauge" => &[""],
            "histogram" => &["_bucket", "_sum", "_count"],
            _ => return Err(fault("a type that we do not use")),
        };
        if !fits.contains(&suffix) {
            return Err(fault("a name that does not fit its type"));
        }
        if family.kind != "gauge" && !(sample.value >= 0.0 && sample.value.is_finite()) {
            return Err(fault("a count below zero"));
        }
        family.samples.push(sample);
    }
    for (name, family) in &families {
        whole(name, family)?;
    }
    Ok(families)
}

fn is_name(text: &str) -> bool {
    let first = text.chars().next().unwrap_or('0');
    !first.is_ascii_digit() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':')
}

fn sample(line: &str) -> Result<Sample, String> {
    let end = line.find(['{', ' ']).ok_or("no value")?;
    let (name, mut rest) = line.split_at(end);
    if !is_name(name) {
        return Err("no metric name".to_owned());
    }
    let mut labels = BTreeMap::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        while !rest.starts_with('}') {
            let (key, after) = rest.split_once("=\"").ok_or("a label without a value")?;
            if !is_name(key) || key.contains(':') {
                return Err(format!("`{key}` is no label"));
            }
            let (value, after) = quoted(after)?;
            if labels.insert(key.to_owned(), value).is_some() {
                return Err(format!("label {key} twice"));
            }
            rest = after.strip_prefix(',').unwrap_or(after);
        }
        rest = &rest[1..];
    }
    let value = rest.strip_prefix(' ').ok_or("no space before the value")?;
    let value = match value {
        "+Inf" => f64::INFINITY,
        number => number.parse().map_err(|_| format!("`{number}` is no number"))?,
    };
    Ok(Sample { name: name.to_owned(), labels, value })
}

fn quoted(text: &str) -> Result<(String, &str), String> {
    let mut value = String::new();
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Ok((value, &text[at + 1..])),
            '\\' => match letters.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, escaped @ ('\\' | '"'))) => value.push(escaped),
                _ => return Err("an unknown escape".to_owned()),
            },
            letter => value.push(letter),
        }
    }
    Err("a label that does not end".to_owned())
}

fn whole(name: &str, family: &Family) -> Result<(), String> {
    if family.kind.is_empty() || family.help.is_empty() {
        return Err(format!("{name} has no type or no help"));
    }
    if !family.unit.is_empty() && !name.ends_with(&format!("_{}", family.unit)) {
        return Err(format!("{name} does not end in its unit {}", family.unit));
    }
    let mut seen = BTreeSet::new();
    for sample in &family.samples {
        if !seen.insert((sample.name.clone(), sample.labels.clone())) {
            return Err(format!("{} {:?} twice", sample.name, sample.labels));
        }
    }
    if family.kind != "histogram" {
        return Ok(());
    }
    let mut series: BTreeMap<BTreeMap<String, String>, Vec<(f64, f64)>> = BTreeMap::new();
    for bucket in family.samples.iter().filter(|sample| sample.name.ends_with("_bucket")) {
        let mut labels = bucket.labels.clone();
        let le = labels.remove("le").ok_or_else(|| format!("{name}: a bucket without le"))?;
        let le =
            if le == "+Inf" { f64::INFINITY } else { le.parse().map_err(|_| format!("{name}: le {le}"))? };
        series.entry(labels).or_default().push((le, bucket.value));
    }
    for (labels, buckets) in series {
        let count = family.samples.iter().find(|s| s.name == format!("{name}_count") && s.labels == labels);
        let sum = family.samples.iter().any(|s| s.name == format!("{name}_sum") && s.labels == labels);
        let rises = buckets.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1);
        let last = buckets.last().copied().unwrap_or((0.0, 0.0));
        if !rises || !sum || last.0 != f64::INFINITY || count.map(|count| count.value) != Some(last.1) {
            return Err(format!("{name} {labels:?}: buckets, sum and count do not go together"));
        }
    }
    Ok(())
}

#[test]
fn what_is_nearly_right_is_wrong() {
    let fine = "# HELP a_seconds A.\n# TYPE a_seconds gauge\n# UNIT a_seconds seconds\na_seconds{b=\"\\\"x\\n\"} 1.5\n# EOF\n";
    let read_back = read(fine).unwrap();
    assert_eq!(read_back["a_seconds"].samples[0].labels["b"], "\"x\n");
    for (from, to) in [
        ("# EOF\n", ""),
        ("# EOF\n", "# EOF\nmore 1\n"),
        (" 1.5", " one"),
        (" 1.5", "1.5"),
        ("gauge", "counter"),
        ("gauge", "summary"),
        ("# HELP a_seconds A.\n", ""),
        ("# UNIT a_seconds seconds", "# UNIT a_seconds bytes"),
        ("b=\"", "b b=\""),
        ("\\n", "\\t"),
        ("a_seconds{", "b_seconds{"),
        ("a_seconds{b=\"\\\"x\\n\"} 1.5\n", "a_seconds 1\na_seconds 1\n"),
    ] {
        assert!(read(&fine.replacen(from, to, 1)).is_err(), "{from:?} -> {to:?}");
    }
    let histogram = "# HELP h H.\n# TYPE h histogram\nh_sum 1\nh_count 2\nh_bucket{le=\"1.0\"} 1\nh_bucket{le=\"+Inf\"} 2\n# EOF\n";
    read(histogram).unwrap();
    for (from, to) in [("} 2", "} 3"), ("} 1", "} 9"), ("h_sum 1\n", ""), ("+Inf", "7")] {
        assert!(read(&histogram.replacen(from, to, 1)).is_err(), "{from:?} -> {to:?}");
    }
}
