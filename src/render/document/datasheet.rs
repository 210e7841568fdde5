//! What a datasheet has of its own.

use serde::Serialize;

use crate::render::Strings;

/// A product on a page or two.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Datasheet {
    /// The product.
    pub product: String,
    /// The version that it describes.
    pub version: Option<String>,
    /// Its properties.
    pub specifications: Vec<Specification>,
}

/// A property of a product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Specification {
    /// What is told.
    pub name: String,
    /// Its value.
    pub value: String,
}

#[derive(Serialize)]
pub(super) struct Data<'a> {
    product: &'a str,
    version: Option<String>,
    specifications_title: &'a str,
    property: &'a str,
    value: &'a str,
    specifications: &'a [Specification],
}

impl Datasheet {
    pub(super) fn data<'a>(&'a self, strings: &'a Strings) -> Data<'a> {
        Data {
            product: &self.product,
            version: self.version.as_ref().map(|version| strings.fill("version", &[("version", version)])),
            specifications_title: strings.get("specifications"),
            property: strings.get("property"),
            value: strings.get("value"),
            specifications: &self.specifications,
        }
    }
}
