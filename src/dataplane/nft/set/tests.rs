//! Lookups: exact, ranges, prefixes, parts that are not known.
#![allow(clippy::panic, reason = "tests")]

use super::{Data, Datum, Elements, Found, Known};
use crate::dataplane::nft::kind::Kind;

/// What a lookup of one part finds: the element's text, `-` for none, `?` where it cannot be told.
#[track_caller]
fn case(kind: Kind, text: &str, value: &Known<'_>, expected: &str) {
    let elements = Elements::named(vec![kind], text, 1);
    let found = match elements.find(std::slice::from_ref(value)) {
        Found::One(element) => element.text.to_owned(),
        Found::None => "-".into(),
        Found::Perhaps(..) => "?".into(),
    };
    assert_eq!(found, expected, "{value:?} in {text}");
}

#[test]
fn lookups() {
    let number = Known::number;
    case(Kind::Port, " 80, 443 ", &number(443), "443");
    case(Kind::Port, "80, 443", &number(8080), "-");
    case(Kind::Port, "1-1023, 8080, 30000-32767", &number(31000), "30000-32767");
    case(Kind::Port, "1-1023, 8080, 30000-32767", &number(1024), "-");
    case(Kind::Port, "80, *", &number(81), "*");
    case(Kind::Ipv4, "10.0.0.0/8, 192.168.0.1", &number(0x0a01_0203), "10.0.0.0/8");
    case(Kind::Ipv4, "", &number(1), "-");
    case(Kind::Port, "53, 2000", &Known::Between(1024, 65535), "?");
    case(Kind::Port, "53, 80", &Known::Between(1024, 65535), "-");
    case(Kind::Port, "1024-65535", &Known::Between(1024, 65535), "1024-65535");
    case(Kind::Interface, "\"eth0\", \"veth*\"", &Known::Name("veth1"), "\"veth*\"");
    case(Kind::Interface, "\"eth0\"", &Known::Unknown("why".into()), "?");
    case(Kind::Number, "0x00004000 comment \"a, b\"", &number(0x4000), "0x00004000 comment \"a, b\"");
}

#[test]
fn concatenations_and_values() {
    let kinds = vec![Kind::Ipv4, Kind::Port];
    let text = "10.0.0.0/8 . 80 : 10.1.1.1 . 8080, 10.0.0.1 . 81 : 10.1.1.2 . 8081";
    let elements = Elements::named(kinds, text, 1);
    let find = |ip: u128, port: u128| match elements.find(&[Known::number(ip), Known::number(port)]) {
        Found::One(element) => Some(element.data),
        Found::None => None,
        Found::Perhaps(..) => panic!("not sure"),
    };
    let to = |ip: [u8; 4], port: u128| Some(Data::Values(vec![Datum::Address(ip.into()), Datum::Number(port)]));
    assert_eq!(find(0x0a05_0505, 80), to([10, 1, 1, 1], 8080));
    assert_eq!(find(0x0a00_0001, 81), to([10, 1, 1, 2], 8081));
    assert_eq!(find(0x0a00_0002, 81), None);
}
