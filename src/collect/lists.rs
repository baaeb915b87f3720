//! Lists of objects as `kubectl get -o json|yaml` prints them, cut into single objects and sorted by resource.
//! Borrows from the text and builds nothing: what an object says is read later, and only where it is wanted.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

/// The text of one file of objects.
#[derive(Debug)]
pub(super) struct ObjectFile {
    /// Name in the bundle: `objects/services.json`.
    pub(super) name: String,
    /// JSON.
    pub(super) text: String,
}

/// The objects of one resource.
#[derive(Debug, Default)]
pub(super) struct Lot<'a> {
    /// Each object, and its place: file and number in it, from 0.
    pub(super) items: Vec<Item<'a>>,
    /// A list of it was cut into pages and not all are here.
    pub(super) partial: bool,
}

/// One object.
#[derive(Debug, Clone, Copy)]
pub(super) struct Item<'a> {
    /// Its JSON.
    pub(super) json: &'a str,
    /// File that it stands in.
    pub(super) file: &'a str,
    /// Number in its list, from 0.
    pub(super) number: usize,
}

/// A text that is borrowed unless it holds escapes.
#[derive(Debug, Default, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(transparent)]
pub(super) struct Word<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

impl std::borrow::Borrow<str> for Word<'_> {
    fn borrow(&self) -> &str {
        &self.0
    }
}

#[derive(Deserialize)]
struct Document<'a> {
    #[serde(borrow, default)]
    kind: Option<Word<'a>>,
    #[serde(borrow, default)]
    metadata: Option<&'a RawValue>,
    #[serde(borrow)]
    items: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Page<'a> {
    #[serde(borrow, default, rename = "continue")]
    more: Option<Word<'a>>,
}

#[derive(Deserialize)]
struct Kind<'a> {
    #[serde(borrow, default)]
    kind: Option<Word<'a>>,
}

/// The JSON of a file that may be YAML with several documents.
pub(super) fn as_json(name: &str, text: String) -> Result<String, String> {
    if !has_extension(name, &["yaml", "yml"]) {
        return Ok(text);
    }
    let documents: Vec<serde_json::Value> =
        serde_saphyr::from_multiple(&text).map_err(|error| first_line(&error.without_snippet().to_string()))?;
    serde_json::to_string(&documents).map_err(|error| error.to_string())
}

/// Whether a file of this name holds objects.
pub(super) fn is_object_file(name: &str) -> bool {
    has_extension(name, &["json", "yaml", "yml"])
}

fn has_extension(name: &str, extensions: &[&str]) -> bool {
    name.rsplit_once('.').is_some_and(|(_, end)| extensions.iter().any(|e| e.eq_ignore_ascii_case(end)))
}

/// Sorts the objects of one file by resource (`services`). A resource that the file's name announces is there
/// even if the list is empty.
pub(super) fn split<'a>(file: &'a ObjectFile, lots: &mut BTreeMap<String, Lot<'a>>) -> Result<(), String> {
    let text = file.text.strip_prefix('\u{feff}').unwrap_or(&file.text).trim();
    let announced = file.name.rsplit('/').next().and_then(|name| name.split('.').next()).unwrap_or_default();
    Splitter { file: &file.name, announced, lots }.document(text, 0, 0)
}

struct Splitter<'a, 'l> {
    file: &'a str,
    announced: &'a str,
    lots: &'l mut BTreeMap<String, Lot<'a>>,
}

impl<'a> Splitter<'a, '_> {
    fn document(&mut self, text: &'a str, depth: usize, number: usize) -> Result<(), String> {
        if text == "null" && depth > 0 {
            return Ok(()); // an empty YAML document
        }
        if text.starts_with('[') {
            let items: Vec<&RawValue> = serde_json::from_str(text).map_err(|error| error.to_string())?;
            if items.is_empty() {
                self.lot(self.announced);
            }
            for (number, item) in items.iter().enumerate() {
                if depth == 0 {
                    self.document(item.get(), 1, number)?;
                } else {
                    return Err("a list in a list".into());
                }
            }
            return Ok(());
        }
        let document: Document<'a> = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let kind = document.kind.map(|kind| kind.0);
        let Some(items) = document.items else {
            match kind.as_deref().and_then(|kind| kind.strip_suffix("List")) {
                // `"items": null` is how Go prints a list of nothing
                Some(of) => self.list(of, document.metadata, Vec::new()),
                None => self.one(kind.as_deref(), text, number),
            }
            return Ok(());
        };
        let items =
            serde_json::from_str::<Option<Vec<&'a RawValue>>>(items.get()).map_err(|error| error.to_string())?;
        let of = kind.as_deref().and_then(|kind| kind.strip_suffix("List")).unwrap_or_default();
        self.list(of, document.metadata, items.unwrap_or_default());
        Ok(())
    }

    fn list(&mut self, of: &str, metadata: Option<&'a RawValue>, items: Vec<&'a RawValue>) {
        let page = metadata.and_then(|metadata| serde_json::from_str::<Page<'_>>(metadata.get()).ok());
        let partial = page.and_then(|page| page.more).is_some_and(|more| !more.0.is_empty());
        if of.is_empty() {
            // `kind: List`, as kubectl makes it: each item says what it is
            let announced = self.lot(self.announced);
            announced.partial |= partial;
            for (number, item) in items.into_iter().enumerate() {
                let kind = serde_json::from_str::<Kind<'a>>(item.get()).ok().and_then(|kind| kind.kind);
                self.one(kind.as_ref().map(|kind| kind.0.as_ref()), item.get(), number);
            }
        } else {
            let file = self.file;
            let lot = self.lot(&plural(of));
            lot.partial |= partial;
            lot.items.extend(items.into_iter().enumerate().map(|(number, item)| Item {
                json: item.get(),
                file,
                number,
            }));
        }
    }

    fn one(&mut self, kind: Option<&str>, json: &'a str, number: usize) {
        let file = self.file;
        let resource = kind.map_or_else(|| self.announced.to_owned(), plural);
        self.lot(&resource).items.push(Item { json, file, number });
    }

    fn lot(&mut self, resource: &str) -> &mut Lot<'a> {
        // `contains` first: one allocation for a list, not one for each item
        if !self.lots.contains_key(resource) {
            self.lots.insert(resource.to_owned(), Lot::default());
        }
        self.lots.entry(resource.to_owned()).or_default()
    }
}

/// `services` for `Service`, as the API spells it.
fn plural(kind: &str) -> String {
    let kind = kind.to_ascii_lowercase();
    if kind == "endpoints" {
        kind
    } else if let Some(stem) = kind.strip_suffix('y') {
        format!("{stem}ies")
    } else if kind.ends_with(['s', 'x']) || kind.ends_with("ch") {
        format!("{kind}es")
    } else {
        format!("{kind}s")
    }
}

pub(super) fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}
