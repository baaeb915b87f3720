//! Lists of objects as `kubectl get -o json|yaml` prints them, cut into single objects and sorted by resource.
//! Builds nothing: what an object says is read later, and only where it is wanted. The text of a file is held by the
//! resources that stand in it, and goes with the last of them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

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
pub(super) struct Lot {
    files: Vec<Arc<ObjectFile>>,
    /// Where each object stands.
    pub(super) items: Vec<Item>,
    /// A list of it was cut into pages and not all are here.
    pub(super) partial: bool,
}

/// Place of one object.
#[derive(Debug, Clone)]
pub(super) struct Item {
    /// Place in the files of its lot.
    file: usize,
    /// Bytes of its JSON.
    json: Range<usize>,
    /// Number in its list, from 0.
    pub(super) number: usize,
}

impl Lot {
    /// The JSON of an object of it.
    pub(super) fn json(&self, item: &Item) -> &str {
        self.files.get(item.file).and_then(|file| file.text.get(item.json.clone())).unwrap_or_default()
    }

    /// Name of the file that an object of it stands in.
    pub(super) fn file(&self, item: &Item) -> &str {
        self.files.get(item.file).map(|file| file.name.as_str()).unwrap_or_default()
    }

    /// The same resource in one more file.
    pub(super) fn append(&mut self, other: Self) {
        let before = self.files.len();
        self.files.extend(other.files);
        self.items.extend(other.items.into_iter().map(|item| Item { file: before + item.file, ..item }));
        self.partial |= other.partial;
    }
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
pub(super) fn split(file: ObjectFile, lots: &mut BTreeMap<String, Lot>) -> Result<(), String> {
    let file = Arc::new(file);
    let text = file.text.strip_prefix('\u{feff}').unwrap_or(&file.text).trim();
    let announced = file.name.rsplit('/').next().and_then(|name| name.split('.').next()).unwrap_or_default();
    Splitter { file: &file, announced, lots }.document(text, 0, 0)
}

struct Splitter<'a, 'l> {
    file: &'a Arc<ObjectFile>,
    announced: &'a str,
    lots: &'l mut BTreeMap<String, Lot>,
}

impl Splitter<'_, '_> {
    fn document(&mut self, text: &str, depth: usize, number: usize) -> Result<(), String> {
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
        let document: Document<'_> = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let kind = document.kind.map(|kind| kind.0);
        let Some(items) = document.items else {
            match kind.as_deref().and_then(|kind| kind.strip_suffix("List")) {
                // `"items": null` is how Go prints a list of nothing
                Some(of) => self.list(of, document.metadata, Vec::new()),
                None => self.one(kind.as_deref(), text, number),
            }
            return Ok(());
        };
        let items = serde_json::from_str::<Option<Vec<&RawValue>>>(items.get()).map_err(|error| error.to_string())?;
        let of = kind.as_deref().and_then(|kind| kind.strip_suffix("List")).unwrap_or_default();
        self.list(of, document.metadata, items.unwrap_or_default());
        Ok(())
    }

    fn list(&mut self, of: &str, metadata: Option<&RawValue>, items: Vec<&RawValue>) {
        let page = metadata.and_then(|metadata| serde_json::from_str::<Page<'_>>(metadata.get()).ok());
        let partial = page.and_then(|page| page.more).is_some_and(|more| !more.0.is_empty());
        if of.is_empty() {
            // `kind: List`, as kubectl makes it: each item says what it is
            let announced = self.lot(self.announced);
            announced.partial |= partial;
            for (number, item) in items.into_iter().enumerate() {
                let kind = serde_json::from_str::<Kind<'_>>(item.get()).ok().and_then(|kind| kind.kind);
                self.one(kind.as_ref().map(|kind| kind.0.as_ref()), item.get(), number);
            }
        } else {
            let text = &self.file.text;
            let lot = self.lot(&plural(of));
            lot.partial |= partial;
            lot.items.extend(items.into_iter().enumerate().map(|(number, item)| Item {
                file: 0,
                json: place(text, item.get()),
                number,
            }));
        }
    }

    fn one(&mut self, kind: Option<&str>, json: &str, number: usize) {
        let item = Item { file: 0, json: place(&self.file.text, json), number };
        let resource = kind.map_or_else(|| self.announced.to_owned(), plural);
        self.lot(&resource).items.push(item);
    }

    fn lot(&mut self, resource: &str) -> &mut Lot {
        // `contains` first: one allocation for a list, not one for each item
        if !self.lots.contains_key(resource) {
            self.lots.insert(resource.to_owned(), Lot { files: vec![Arc::clone(self.file)], ..Lot::default() });
        }
        self.lots.entry(resource.to_owned()).or_default()
    }
}

/// Where `part` stands in the text that it is borrowed from.
fn place(whole: &str, part: &str) -> Range<usize> {
    let start = part.as_ptr().addr() - whole.as_ptr().addr();
    start..start + part.len()
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
