//! Which addresses are the public internet.
//!
//! IPv4 is refused by a table, because most of its space is public. IPv6 is admitted by one range,
//! because most of its space is not: everything outside `2000::/3` is refused, which covers `::`,
//! loopback, IPv4-compatible, IPv4-mapped, NAT64, unique local, link-local and multicast
//! addresses, and whatever is defined there later. Addresses that carry an IPv4 address are refused
//! even when that one is public: no picture is reachable only through them.
//!
//! One case cannot be seen from an address: a network that translates to IPv4 under a prefix of its
//! own inside `2000::/3` (RFC 6052, section 2.2). Such a network has to keep its translator from
//! private addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An IPv4 prefix that is not fetched from. From the registry of RFC 6890, with two additions.
struct RefusedV4 {
    first: Ipv4Addr,
    bits: u32,
}

/// An IPv6 prefix inside `2000::/3` that is not fetched from.
struct RefusedV6 {
    first: Ipv6Addr,
    bits: u32,
}

const fn v4(octets: [u8; 4], bits: u32) -> RefusedV4 {
    RefusedV4 { first: Ipv4Addr::from_octets(octets), bits }
}

const fn v6(start: [u16; 3], bits: u32) -> RefusedV6 {
    let [a, b, c] = start;
    RefusedV6 { first: Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0), bits }
}

const REFUSED_V4: &[RefusedV4] = &[
    v4([0, 0, 0, 0], 8),        // "this network", unspecified
    v4([10, 0, 0, 0], 8),       // private
    v4([100, 64, 0, 0], 10),    // carrier-grade NAT; a cloud's metadata at 100.100.100.200
    v4([127, 0, 0, 0], 8),      // loopback
    v4([168, 63, 129, 16], 32), // a cloud's control channel, although in public space
    v4([169, 254, 0, 0], 16),   // link-local; clouds' metadata at 169.254.169.254
    v4([172, 16, 0, 0], 12),    // private
    v4([192, 0, 0, 0], 24),     // protocol assignments; a cloud's metadata at 192.0.0.192
    v4([192, 0, 2, 0], 24),     // documentation
    v4([192, 31, 196, 0], 24),  // AS112, answers reverse lookups of private addresses
    v4([192, 52, 193, 0], 24),  // multicast tunnels
    v4([192, 88, 99, 0], 24),   // 6to4 relays
    v4([192, 168, 0, 0], 16),   // private
    v4([192, 175, 48, 0], 24),  // AS112
    v4([198, 18, 0, 0], 15),    // benchmarking
    v4([198, 51, 100, 0], 24),  // documentation
    v4([203, 0, 113, 0], 24),   // documentation
    v4([224, 0, 0, 0], 4),      // multicast
    v4([240, 0, 0, 0], 4),      // reserved, broadcast
];

/// Where every public IPv6 address lies.
const GLOBAL_V6: RefusedV6 = v6([0x2000, 0, 0], 3);

const REFUSED_V6: &[RefusedV6] = &[
    v6([0x2001, 0, 0], 23), // protocol assignments: Teredo, benchmarking, ORCHID
    v6([0x2001, 0xdb8, 0], 32), // documentation
    v6([0x2002, 0, 0], 16), // 6to4
    v6([0x2620, 0x4f, 0x8000], 48), // AS112
    v6([0x3fff, 0, 0], 20), // documentation
];

impl RefusedV4 {
    fn holds(&self, address: Ipv4Addr) -> bool {
        (self.first.to_bits() ^ address.to_bits()) >> (32 - self.bits) == 0
    }
}

impl RefusedV6 {
    fn holds(&self, address: Ipv6Addr) -> bool {
        (self.first.to_bits() ^ address.to_bits()) >> (128 - self.bits) == 0
    }
}

/// Whether `address` belongs to the public internet, and to no machine that its owner did not mean
/// to publish.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !REFUSED_V4.iter().any(|range| range.holds(address)),
        IpAddr::V6(address) => {
            GLOBAL_V6.holds(address) && !REFUSED_V6.iter().any(|range| range.holds(address))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn public(address: &str) -> bool {
        is_public(address.parse().expect("an address"))
    }

    #[test]
    fn the_first_and_the_last_address_of_every_refused_range_are_refused() {
        for address in [
            "0.0.0.0",
            "0.255.255.255",
            "10.0.0.0",
            "10.255.255.255",
            "100.64.0.0",
            "100.127.255.255",
            "127.0.0.0",
            "127.0.0.1",
            "127.255.255.255",
            "168.63.129.16",
            "169.254.0.0",
            "169.254.169.254",
            "169.254.255.255",
            "172.16.0.0",
            "172.31.255.255",
            "192.0.0.0",
            "192.0.0.255",
            "192.0.2.0",
            "192.0.2.255",
            "192.31.196.0",
            "192.31.196.255",
            "192.52.193.0",
            "192.52.193.255",
            "192.88.99.0",
            "192.88.99.255",
            "192.168.0.0",
            "192.168.255.255",
            "192.175.48.0",
            "192.175.48.255",
            "198.18.0.0",
            "198.19.255.255",
            "198.51.100.0",
            "198.51.100.255",
            "203.0.113.0",
            "203.0.113.255",
            "224.0.0.0",
            "239.255.255.255",
            "240.0.0.0",
            "255.255.255.254",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:ffff",
            "::ffff:0.0.0.0",
            "::ffff:255.255.255.255",
            "::ffff:0:0:0",
            "64:ff9b::",
            "64:ff9b::ffff:ffff",
            "64:ff9b:1::",
            "64:ff9b:1:ffff:ffff:ffff:ffff:ffff",
            "100::",
            "100::ffff:ffff:ffff:ffff",
            "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            "2001::",
            "2001:0:ffff:ffff:ffff:ffff:ffff:ffff",
            "2001:2::",
            "2001:10::",
            "2001:2f:ffff:ffff:ffff:ffff:ffff:ffff",
            "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff",
            "2001:db8::",
            "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
            "2002::",
            "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            "2620:4f:8000::",
            "2620:4f:8000:ffff:ffff:ffff:ffff:ffff",
            "3fff::",
            "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff",
            "4000::",
            "5f00::",
            "fc00::",
            "fd00:ec2::254",
            "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            "fe80::",
            "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            "fec0::",
            "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            "ff00::",
            "ff02::1",
            "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        ] {
            assert!(!public(address), "{address}");
        }
    }

    #[test]
    fn the_neighbours_of_the_refused_ranges_are_public() {
        for address in [
            "1.0.0.0",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "168.63.129.15",
            "168.63.129.17",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "191.255.255.255",
            "192.0.1.0",
            "192.0.1.255",
            "192.0.3.0",
            "192.31.195.255",
            "192.31.197.0",
            "192.52.192.255",
            "192.52.194.0",
            "192.88.98.255",
            "192.88.100.0",
            "192.167.255.255",
            "192.169.0.0",
            "192.175.47.255",
            "192.175.49.0",
            "198.17.255.255",
            "198.20.0.0",
            "198.51.99.255",
            "198.51.101.0",
            "203.0.112.255",
            "203.0.114.0",
            "223.255.255.255",
            "2000::",
            "2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            "2001:200::",
            "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff",
            "2001:db9::",
            "2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            "2003::",
            "2620:4f:7fff:ffff:ffff:ffff:ffff:ffff",
            "2620:4f:8001::",
            "3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            "3fff:1000::",
        ] {
            assert!(public(address), "{address}");
        }
    }

    /// Any address that the standard library calls something else than public.
    fn inner_v4() -> impl Strategy<Value = Ipv4Addr> {
        let prefixes = prop::sample::select(vec![
            ([10, 0, 0, 0], 8),
            ([100, 64, 0, 0], 10),
            ([127, 0, 0, 0], 8),
            ([169, 254, 0, 0], 16),
            ([172, 16, 0, 0], 12),
            ([192, 168, 0, 0], 16),
        ]);
        (prefixes, any::<u32>()).prop_map(|((first, bits), rest): (([u8; 4], u32), u32)| {
            Ipv4Addr::from_bits(Ipv4Addr::from(first).to_bits() | (rest >> bits))
        })
    }

    /// `inner` in every form in which an IPv6 address carries an IPv4 address.
    fn carried(inner: Ipv4Addr, other: u64) -> Vec<Ipv6Addr> {
        let low = u128::from(inner.to_bits());
        let other = u128::from(other);
        [
            low,                                                        // compatible
            0xffff << 32 | low,                                         // mapped
            0xffff << 48 | low,                                         // translated (SIIT)
            0x0064_ff9b << 96 | low,                                    // NAT64
            0x0064_ff9b_0001 << 80 | (other & 0xffff_ffff) << 32 | low, // local NAT64
            0x2002 << 112 | low << 80 | other,                          // 6to4
            0x2001_0000 << 96 | other << 32 | (low ^ 0xffff_ffff), // Teredo, the client inverted
            0x2001_0000 << 96 | low << 64 | other,                 // Teredo, the server
        ]
        .map(Ipv6Addr::from_bits)
        .to_vec()
    }

    proptest! {
        #[test]
        fn no_inner_address_is_public_in_any_form(inner in inner_v4(), other: u64) {
            prop_assert!(!is_public(IpAddr::V4(inner)), "{inner}");
            for form in carried(inner, other) {
                prop_assert!(!is_public(IpAddr::V6(form)), "{inner} as {form}");
            }
        }

        #[test]
        fn no_address_is_public_that_the_standard_library_calls_special(bits: u32) {
            let address = Ipv4Addr::from_bits(bits);
            let special = address.is_private() || address.is_loopback() || address.is_link_local()
                || address.is_multicast() || address.is_broadcast() || address.is_unspecified()
                || address.is_documentation();
            prop_assert!(!(special && is_public(IpAddr::V4(address))), "{address}");
        }

        #[test]
        fn no_ipv6_address_is_public_that_the_standard_library_calls_special(bits: u128) {
            let address = Ipv6Addr::from_bits(bits);
            let special = address.is_unique_local() || address.is_unicast_link_local()
                || address.is_multicast() || address.is_loopback() || address.is_unspecified()
                || address.to_ipv4().is_some();
            prop_assert!(!(special && is_public(IpAddr::V6(address))), "{address}");
        }
    }
}
