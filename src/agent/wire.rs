//! Questions and replies as bytes; hickory writes and reads them.

use std::str::FromStr;

use hickory_resolver::proto::op::{Message, MessageType, Query, ResponseCode};
use hickory_resolver::proto::rr::{Name, RecordType};

use crate::probe::{Answer, Reply};

/// A question, ready to be sent.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) bytes: Vec<u8>,
    id: u16,
    name: Name,
}

impl Asked {
    /// Without EDNS, as glibc asks unless `options edns0` says otherwise (resolv.conf(5)).
    pub(crate) fn new(name: &str, record: &str) -> Result<Self, String> {
        let name = Name::from_ascii(name).map_err(|error| format!("`{name}` is no name: {error}"))?;
        let record =
            RecordType::from_str(record).map_err(|error| format!("`{record}` is no type of a record: {error}"))?;
        let mut message = Message::query();
        message.metadata.recursion_desired = true;
        message.add_query(Query::query(name.clone(), record));
        let bytes = message.to_vec().map_err(|error| error.to_string())?;
        Ok(Self { bytes, id: message.metadata.id, name })
    }

    /// The name, as it is asked for.
    pub(crate) fn name(&self) -> String {
        self.name.to_ascii()
    }

    /// The reply, if these bytes are one to this question.
    pub(crate) fn reply(&self, bytes: &[u8]) -> Option<Reply> {
        let message = Message::from_vec(bytes).ok()?;
        let mine = message.metadata.id == self.id
            && message.metadata.message_type == MessageType::Response
            // a server that cannot read a question need not repeat it (RFC 1035 4.1.1)
            && message.queries.first().is_none_or(|query| query.name() == &self.name);
        mine.then(|| Reply {
            rcode: rcode(message.metadata.response_code),
            answers: message
                .answers
                .iter()
                .map(|record| Answer {
                    name: record.name.to_ascii(),
                    record: record.record_type().to_string(),
                    data: record.data.to_string(),
                    ttl: record.ttl,
                })
                .collect(),
            truncated: message.metadata.truncation,
            authoritative: message.metadata.authoritative,
        })
    }
}

/// As dig writes them (IANA DNS RCODEs).
fn rcode(code: ResponseCode) -> String {
    match code {
        ResponseCode::NoError => "NOERROR".into(),
        ResponseCode::FormErr => "FORMERR".into(),
        ResponseCode::ServFail => "SERVFAIL".into(),
        ResponseCode::NXDomain => "NXDOMAIN".into(),
        ResponseCode::NotImp => "NOTIMP".into(),
        ResponseCode::Refused => "REFUSED".into(),
        ResponseCode::NotAuth => "NOTAUTH".into(),
        other => format!("RCODE{}", u16::from(other)),
    }
}
