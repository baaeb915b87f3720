//! Numbers of ports that tools print by name without `-n`: names of Debian's `/etc/services` and of IANA. A name that
//! is not here is not known.

/// Names of ports that Services have.
const NAMES: [(&str, u16); 58] = [
    ("amqp", 5672),
    ("amqps", 5671),
    ("bgp", 179),
    ("docker", 2375),
    ("domain", 53),
    ("domain-s", 853),
    ("etcd-client", 2379),
    ("etcd-server", 2380),
    ("finger", 79),
    ("ftp", 21),
    ("ftp-data", 20),
    ("git", 9418),
    ("http", 80),
    ("http-alt", 8080),
    ("https", 443),
    ("imap2", 143),
    ("imap", 143),
    ("imaps", 993),
    ("irdmi", 8000),
    ("kerberos", 88),
    ("ldap", 389),
    ("ldaps", 636),
    ("mdns", 5353),
    ("memcache", 11211),
    ("mqtt", 1883),
    ("ms-sql-s", 1433),
    ("mysql", 3306),
    ("nfs", 2049),
    ("ntp", 123),
    ("openvpn", 1194),
    ("pcsync-https", 8443),
    ("pop3", 110),
    ("pop3s", 995),
    ("postgres", 5432),
    ("postgresql", 5432),
    ("radius", 1812),
    ("rsync", 873),
    ("rtsp", 554),
    ("secure-mqtt", 8883),
    ("sip", 5060),
    ("sip-tls", 5061),
    ("smtp", 25),
    ("snmp", 161),
    ("snmp-trap", 162),
    ("socks", 1080),
    ("ssh", 22),
    ("submission", 587),
    ("submissions", 465),
    ("sunrpc", 111),
    ("svn", 3690),
    ("syslog-tls", 6514),
    ("telnet", 23),
    ("tftp", 69),
    ("us-cli", 8082),
    ("webcache", 8080),
    ("websm", 9090),
    ("xmpp-client", 5222),
    ("zabbix-agent", 10050),
];

/// A port as printed: a number, or a name that is known.
#[must_use]
pub(in crate::dataplane) fn port(text: &str) -> Option<u16> {
    if text.as_bytes().first().is_some_and(u8::is_ascii_digit) {
        return text.parse().ok();
    }
    NAMES.iter().find(|(name, _)| *name == text).map(|(_, number)| *number)
}
