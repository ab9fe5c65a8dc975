/* SPDX-License-Identifier: BSD-3-Clause */
/* packet.c: addresses and payload of packets; UDP datagrams. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "client/client_priv.h"
#include "common/base/bytes.h"

#define IPV4_BYTES 20
#define IPV6_BYTES 40
#define UDP_BYTES  8
#define TTL        64 /* RFC 1700, IP TIME TO LIVE */

/* Both ends of a datagram to be sent. */
struct udp_path {
	uint8_t family; /* FAMILY_IPV4 or FAMILY_IPV6 */
	uint8_t addresses[2][16];
	uint16_t ports[2]; /* host order; [0] is the source */
	uint16_t zone;
	uint64_t flow;
};

static bool
packet_has_ports(const struct berth_packet *p)
{
	return proto_has_ports(p->proto) &&
	       !(p->flags & (BERTH_PACKET_ICMP_ERROR | BERTH_PACKET_LATER)) &&
	       p->l4_offset + 4u <= p->bytes;
}

/* Writes end 0 (source) or 1 of a packet. */
static void
packet_end(const struct berth_packet *p, unsigned end, struct sockaddr_storage *out)
{
	const uint8_t *ip = p->data;
	const uint16_t port = packet_has_ports(p) ? be16_load(ip + p->l4_offset + 2 * end) : 0;

	if (p->flags & BERTH_PACKET_IPV6)
		client_sockaddr(FAMILY_IPV6, ip + 8 + 16 * end, port, out);
	else
		client_sockaddr(FAMILY_IPV4, ip + 12 + 4 * end, port, out);
}

void
berth_packet_source(const struct berth_packet *packet, struct sockaddr_storage *out)
{
	packet_end(packet, 0, out);
}

void
berth_packet_destination(const struct berth_packet *packet, struct sockaddr_storage *out)
{
	packet_end(packet, 1, out);
}

const void *
berth_packet_payload(const struct berth_packet *packet, uint32_t *bytes)
{
	const uint8_t *ip = packet->data;
	uint32_t end = packet->bytes;

	if (packet->proto == PROTO_UDP && packet_has_ports(packet) &&
	    packet->l4_offset + (uint32_t)UDP_BYTES <= packet->bytes) {
		/* RFC 768: the datagram may end before the IP packet does. */
		const uint32_t udp_end = packet->l4_offset + be16_load(ip + packet->l4_offset + 4);

		if (udp_end >= packet->payload_offset && udp_end < end)
			end = udp_end;
	}
	*bytes = end - packet->payload_offset;
	return ip + packet->payload_offset;
}

/* Checksums are left zero: berthd computes them. */
static void
ipv4_write(uint8_t *at, const struct udp_path *path, uint32_t bytes)
{
	memset(at, 0, IPV4_BYTES);
	at[0] = 4 << 4 | IPV4_BYTES / 4;
	be16_store(at + 2, (uint16_t)bytes);
	at[6] = 0x40; /* don't fragment; so the identification has no meaning (RFC 6864 4.1) */
	at[8] = TTL;
	at[9] = PROTO_UDP;
	memcpy(at + 12, path->addresses[0], 4);
	memcpy(at + 16, path->addresses[1], 4);
}

static void
ipv6_write(uint8_t *at, const struct udp_path *path, uint32_t bytes)
{
	memset(at, 0, 8);
	at[0] = 6 << 4;
	be16_store(at + 4, (uint16_t)(bytes - IPV6_BYTES));
	at[6] = PROTO_UDP;
	at[7] = TTL;
	memcpy(at + 8, path->addresses[0], 16);
	memcpy(at + 24, path->addresses[1], 16);
}

/* Builds the datagram in the ring itself and shows it to berthd. */
static int
udp_send(struct berth *b, const struct udp_path *path, const void *payload, uint32_t payload_bytes)
{
	const uint32_t ip_bytes = path->family == FAMILY_IPV4 ? IPV4_BYTES : IPV6_BYTES;
	const uint64_t bytes = (uint64_t)ip_bytes + UDP_BYTES + payload_bytes;
	uint8_t headers[IPV6_BYTES + UDP_BYTES] = { 0 };
	uint8_t *udp = headers + ip_bytes;
	uint32_t ring;
	uint8_t *at;
	int rc;

	if (bytes > b->mtu)
		return client_fail(b, -EMSGSIZE,
				   "a datagram of %u bytes makes a packet larger than the MTU, %u",
				   payload_bytes, b->mtu);
	if (path->family == FAMILY_IPV4)
		ipv4_write(headers, path, (uint32_t)bytes);
	else
		ipv6_write(headers, path, (uint32_t)bytes);
	be16_store(udp, path->ports[0]);
	be16_store(udp + 2, path->ports[1]);
	be16_store(udp + 4, (uint16_t)(bytes - ip_bytes));
	rc = client_tx_reserve(b, (uint32_t)bytes, path->zone, path->flow,
			       client_spread(headers, ip_bytes + UDP_BYTES), &at, &ring);
	if (rc != 0)
		return rc;
	memcpy(at, headers, ip_bytes + UDP_BYTES);
	if (payload_bytes > 0)
		memcpy(at + ip_bytes + UDP_BYTES, payload, payload_bytes);
	tx_end_publish(&b->tx[ring]);
	return 0;
}

int
berth_udp_reply(struct berth *b, const struct berth_packet *request, const void *payload,
		uint32_t bytes)
{
	const bool v6 = (request->flags & BERTH_PACKET_IPV6) != 0;
	struct udp_path path = {
		.family = v6 ? FAMILY_IPV6 : FAMILY_IPV4,
		.zone = request->zone,
		.flow = request->flow,
	};
	const uint8_t *ip = request->data;

	if (request->proto != PROTO_UDP || !packet_has_ports(request))
		return client_fail(b, -EINVAL, "only a UDP packet can be answered with one");
	for (unsigned end = 0; end < 2; end++) {
		if (v6)
			memcpy(path.addresses[1 - end], ip + 8 + 16 * end, 16);
		else
			memcpy(path.addresses[1 - end], ip + 12 + 4 * end, 4);
		path.ports[1 - end] = be16_load(ip + request->l4_offset + 2 * end);
	}
	return udp_send(b, &path, payload, bytes);
}

/* Reads one end of a connection. */
static int
path_end(const struct sockaddr_storage *from, struct udp_path *path, unsigned end)
{
	struct sockaddr_in6 in6;
	struct sockaddr_in in;

	switch (from->ss_family) {
	case AF_INET:
		memcpy(&in, from, sizeof(in));
		path->family = FAMILY_IPV4;
		memcpy(path->addresses[end], &in.sin_addr, 4);
		path->ports[end] = ntohs(in.sin_port);
		return 0;
	case AF_INET6:
		memcpy(&in6, from, sizeof(in6));
		path->family = FAMILY_IPV6;
		memcpy(path->addresses[end], &in6.sin6_addr, 16);
		path->ports[end] = ntohs(in6.sin6_port);
		return 0;
	default:
		return -EINVAL;
	}
}

int
berth_udp_send(struct berth *b, const struct berth_connection *connection, const void *payload,
	       uint32_t bytes)
{
	struct udp_path path = { .zone = connection->zone,
				 .flow = berth_connection_flow(connection) };

	if (connection->proto != PROTO_UDP ||
	    connection->local.ss_family != connection->remote.ss_family ||
	    path_end(&connection->local, &path, 0) != 0 ||
	    path_end(&connection->remote, &path, 1) != 0)
		return client_fail(b, -EINVAL, "not a UDP connection with both ends");
	return udp_send(b, &path, payload, bytes);
}
