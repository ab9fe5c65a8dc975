/* SPDX-License-Identifier: BSD-3-Clause */
/* burst.c: receives and sends bursts of packets. */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "client/client_priv.h"
#include "common/base/bytes.h"

uint16_t
berth_rx_burst(struct berth_port *port, struct berth_packet *packets, uint16_t max)
{
	uint16_t n = 0;

	/* Every call starts at another ring, so that none starves behind a busy one. */
	for (uint32_t i = 0; i < port->rings && n < max; i++) {
		n += rx_end_take_burst(&port->rx[port->turn], packets + n, (uint16_t)(max - n));
		if (++port->turn == port->rings)
			port->turn = 0;
	}
	return n;
}

void
berth_release(struct berth_port *port)
{
	for (uint32_t i = 0; i < port->rings; i++)
		rx_end_release(&port->rx[i]);
}

/* Sets *offset to the transport header and returns its protocol, walking IPv6 extension headers
 * (RFC 8200 4) up to a bound; 0: none that has ports. */
static uint8_t
transport_of(const uint8_t *ip, uint32_t bytes, uint32_t *offset)
{
	uint8_t next = ip[6];

	if (ip[0] >> 4 == 4) {
		*offset = (ip[0] & 15) * 4u;
		return ip[9];
	}
	*offset = 40;
	for (unsigned i = 0; i < EXT_HEADERS_MAX && *offset + 2 <= bytes; i++) {
		if (next != 0 && next != 43 && next != 60)
			return next;
		next = ip[*offset];
		*offset += (ip[*offset + 1] + 1u) * 8;
	}
	return 0;
}

static uint64_t
mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * 0x9e3779b97f4a7c15u;
	return h ^ (h >> 32);
}

uint32_t
client_spread(const uint8_t *ip, uint32_t bytes)
{
	const uint32_t first = ip[0] >> 4 == 4 ? 12 : 8, end = ip[0] >> 4 == 4 ? 20 : 40;
	uint32_t offset;
	const uint8_t proto = transport_of(ip, bytes, &offset);
	uint64_t h = 0;

	for (uint32_t i = first; i < end; i += 4)
		h = mix(h, be32_load(ip + i));
	if (proto_has_ports(proto) && offset + 4 <= bytes)
		h = mix(h, be32_load(ip + offset));
	return (uint32_t)(h >> 16);
}

/* Why a ring took nothing: a system call, but only where a full ring has stopped the caller anyway.
 */
static int
tx_failure(struct berth *b, const struct tx_end *end)
{
	struct pollfd hangup = { .fd = b->fd, .events = POLLRDHUP };

	if (end->broken)
		return client_fail(b, -EPROTO, "berthd's count of a tx ring makes no sense");
	if (atomic_load_explicit(&b->lost, memory_order_relaxed) ||
	    (poll(&hangup, 1, 0) == 1 && hangup.revents & (POLLRDHUP | POLLHUP | POLLERR))) {
		atomic_store_explicit(&b->lost, true, memory_order_relaxed);
		return client_fail(b, -ECONNRESET, "berthd ended the connection");
	}
	return client_fail(b, -EAGAIN, "the tx ring is full");
}

int
client_tx_reserve(struct berth *b, uint32_t bytes, uint16_t zone, uint64_t flow, uint32_t spread,
		  uint8_t **at, uint32_t *ring)
{
	/* A handle names the worker that owns the flow: its ring saves a hand-over. It
	 * is a hint, and may come from a former life of berthd. */
	const uint32_t worker = record_flow_worker(flow);
	const bool named = flow != 0 && worker < b->rings;

	if (bytes > b->mtu)
		return client_fail(b, -EMSGSIZE, "a packet of %u bytes is larger than the MTU, %u",
				   bytes, b->mtu);
	*ring = named ? worker : (uint32_t)(((uint64_t)spread * b->rings) >> 32);
	*at = tx_end_put(&b->tx[*ring], bytes, zone, flow);
	return *at != NULL ? 0 : tx_failure(b, &b->tx[*ring]);
}

static bool
packet_is_ip(const struct berth_packet *p)
{
	const uint8_t *ip = p->data;

	return p->bytes >= 20 && (ip[0] >> 4 == 4 || (ip[0] >> 4 == 6 && p->bytes >= 40));
}

int
berth_tx_burst(struct berth *b, const struct berth_packet *packets, uint16_t n)
{
	uint32_t rings = 0; /* one bit per ring that got something */
	uint16_t sent = 0;
	int rc = 0;

	_Static_assert(WORKERS_MAX <= 32, "a bit per ring");
	for (; sent < n; sent++) {
		const struct berth_packet *p = &packets[sent];
		uint32_t ring = 0;
		uint8_t *at;

		if (!packet_is_ip(p)) {
			rc = client_fail(b, -EINVAL, "not an IP packet");
			break;
		}
		rc = client_tx_reserve(b, p->bytes, p->zone, p->flow,
				       b->rings > 1 ? client_spread(p->data, p->bytes) : 0, &at,
				       &ring);
		if (rc != 0)
			break;
		memcpy(at, p->data, p->bytes);
		rings |= 1u << ring;
	}
	for (uint32_t i = 0; i < b->rings; i++)
		if (rings & 1u << i)
			tx_end_publish(&b->tx[i]);
	return sent > 0 ? sent : rc;
}
