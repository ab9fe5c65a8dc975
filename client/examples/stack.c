/* SPDX-License-Identifier: BSD-3-Clause */
/* stack.c: lwIP's network interface made of berth_rx_burst() and berth_tx_burst().
 *
 * Debian's lwIP is built for threads (NO_SYS 0), but its core is a single-threaded library, which
 * takes no locks as long as nobody calls tcpip_init(). So one thread does it all here: packets in,
 * timers, packets out. */
#include "client/examples/stack.h"

#include <errno.h>
#include <lwip/init.h>
#include <lwip/ip.h>
#include <lwip/netif.h>
#include <lwip/priv/tcp_priv.h>
#include <lwip/timeouts.h>
#include <stdbool.h>
#include <string.h>

#define BURST    64
#define RETRY_MS 1 /* berthd empties a tx ring within microseconds */

static struct {
	struct berth *berth;
	struct berth_port *port;
	struct netif interface;
	uint16_t zone;
	bool blocked; /* the tx ring was full: lwIP holds segments that it could not send */
} stack;

/* Sends one IP packet of lwIP's. When it cannot be sent now, lwIP keeps its segment. */
static err_t
send_packet(struct pbuf *p)
{
	static uint8_t bytes[UINT16_MAX];
	const struct berth_packet packet = {
		.data = bytes,
		.bytes = pbuf_copy_partial(p, bytes, p->tot_len, 0),
		.zone = stack.zone,
	};

	switch (berth_tx_burst(stack.berth, &packet, 1)) {
	case 1:
		return ERR_OK;
	case -EAGAIN:
		stack.blocked = true;
		return ERR_MEM;
	default:
		return ERR_IF;
	}
}

static err_t
output_ipv4(struct netif *interface, struct pbuf *p, const ip4_addr_t *next_hop)
{
	(void)interface, (void)next_hop;
	return send_packet(p);
}

static err_t
output_ipv6(struct netif *interface, struct pbuf *p, const ip6_addr_t *next_hop)
{
	(void)interface, (void)next_hop;
	return send_packet(p);
}

/* What berthd delivers has the right address already, and may have any of several. So the one
 * interface has the destination of each packet as long as lwIP looks at it. In between it has an
 * address that no packet comes from: lwIP would loop what it sends there back to itself. */
static void
interface_take(const struct berth_packet *packet)
{
	const uint8_t *ip = packet->data;

	if (packet->flags & BERTH_PACKET_IPV6) {
		memcpy(ip_2_ip6(&stack.interface.ip6_addr[0])->addr, ip + 24, 16);
		stack.interface.ip6_addr_state[0] = IP6_ADDR_PREFERRED;
	} else {
		memcpy(&ip_2_ip4(&stack.interface.ip_addr)->addr, ip + 16, 4);
	}
}

static void
interface_rest(void)
{
	IP4_ADDR(ip_2_ip4(&stack.interface.ip_addr), 127, 0, 0, 1);
	stack.interface.ip6_addr_state[0] = IP6_ADDR_INVALID;
}

static err_t
interface_start(struct netif *interface)
{
	const uint32_t mtu = berth_mtu(stack.berth);

	interface->mtu = mtu < UINT16_MAX ? (uint16_t)mtu : UINT16_MAX;
	interface->mtu6 = interface->mtu;
	interface->output = output_ipv4;
	interface->output_ip6 = output_ipv6;
	interface->flags = NETIF_FLAG_LINK_UP;
	memcpy(interface->name, "be", sizeof(interface->name));
	return ERR_OK;
}

void
stack_start(struct berth *b, struct berth_port *port, uint16_t zone)
{
	stack.berth = b;
	stack.port = port;
	stack.zone = zone;
	lwip_init();
	netif_add_noaddr(&stack.interface, NULL, interface_start, ip_input);
	interface_rest();
	netif_set_default(&stack.interface);
	netif_set_up(&stack.interface);
	/* berthd knows the routers. */
	stack.interface.rs_count = 0;
}

/* Whether a packet claims to come from the address that it goes to. */
static bool
from_itself(const struct berth_packet *packet)
{
	const uint8_t *ip = packet->data;

	return packet->flags & BERTH_PACKET_IPV6 ? memcmp(ip + 8, ip + 24, 16) == 0
						 : memcmp(ip + 12, ip + 16, 4) == 0;
}

/* Hands a packet to lwIP, which may keep it for longer than the ring does. */
static void
receive(const struct berth_packet *packet)
{
	struct pbuf *p;

	if (from_itself(packet))
		return;
	p = pbuf_alloc(PBUF_RAW, (u16_t)packet->bytes, PBUF_RAM);
	if (p == NULL)
		return; /* as if the network had lost it */
	pbuf_take(p, packet->data, (u16_t)packet->bytes);
	interface_take(packet);
	if (ip_input(p, &stack.interface) != ERR_OK)
		pbuf_free(p);
	interface_rest();
}

/* Lets every connection try again what a full tx ring refused. */
static void
retry(void)
{
	stack.blocked = false;
	for (struct tcp_pcb *pcb = tcp_active_pcbs; pcb != NULL && !stack.blocked; pcb = pcb->next)
		tcp_output(pcb);
}

int
stack_poll(int timeout_ms)
{
	struct berth_packet burst[BURST];
	const uint16_t n = berth_rx_burst(stack.port, burst, BURST);
	int rc;

	for (uint16_t i = 0; i < n; i++)
		receive(&burst[i]);
	berth_release(stack.port);
	if (stack.blocked)
		retry();
	sys_check_timeouts();
	if (n > 0)
		return 0;
	const uint32_t timer_ms = sys_timeouts_sleeptime();

	if (timer_ms < (uint32_t)timeout_ms)
		timeout_ms = (int)timer_ms;
	if (stack.blocked && timeout_ms > RETRY_MS)
		timeout_ms = RETRY_MS;
	rc = berth_wait(stack.port, timeout_ms);
	return rc > 0 ? 0 : rc;
}
