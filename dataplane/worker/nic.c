/* SPDX-License-Identifier: BSD-3-Clause */
/* nic.c: opening, starting and describing ethernet devices. */
#include <errno.h>
#include <rte_ethdev.h>
#include <stdio.h>

#include "common/base/bytes.h"
#include "dataplane/worker/worker.h"

static int
say(const struct nic *n, const char *what, int error)
{
	fprintf(stderr, "berthd: nic %s (%s): %s: %s\n", n->name, n->device, what,
		strerror(error < 0 ? -error : error));
	return error < 0 ? error : -EIO;
}

/* Fills what the device must be told before its queues exist. */
static void
choose_conf(const struct rte_eth_dev_info *info, const struct nic *n, struct rte_eth_conf *conf)
{
	*conf = (struct rte_eth_conf){ .rxmode.mq_mode = RTE_ETH_MQ_RX_NONE };
	/* RSS only spreads the load: which worker owns a flow does not depend on it. */
	if (n->rx_queues > 1 && info->flow_type_rss_offloads != 0) {
		conf->rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
		conf->rx_adv_conf.rss_conf.rss_hf =
			info->flow_type_rss_offloads &
			(RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP);
	}
	conf->rxmode.offloads = info->rx_offload_capa &
				(RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM |
				 RTE_ETH_RX_OFFLOAD_TCP_CKSUM);
	/* All our buffers are single references from one pool. */
	conf->txmode.offloads = info->tx_offload_capa & RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE;
	if (info->max_mtu != 0 && info->max_mtu != UINT16_MAX && n->mtu <= info->max_mtu)
		conf->rxmode.mtu = n->mtu;
}

/* Drivers on an interface of the kernel, which want as many tx as rx queues. */
static bool
is_kernel_interface(const struct rte_eth_dev_info *info)
{
	return strcmp(info->driver_name, "net_tap") == 0 ||
	       strcmp(info->driver_name, "net_af_packet") == 0;
}

static int
choose_queues(struct nic *n, const struct rte_eth_dev_info *info, uint16_t workers)
{
	if (n->rx_queues > info->max_rx_queues || info->max_tx_queues == 0) {
		fprintf(stderr,
			"berthd: nic %s (%s): has %u rx and %u tx queues, but queues is %u; lower "
			"queues in the configuration\n",
			n->name, n->device, info->max_rx_queues, info->max_tx_queues, n->rx_queues);
		return -EINVAL;
	}
	n->tx_queues = workers < info->max_tx_queues ? workers : info->max_tx_queues;
	/* A memif or vhost counts on as many of one as of the other. */
	if (is_kernel_interface(info) || n->role == NIC_END)
		n->tx_queues = n->rx_queues;
	return 0;
}

static int
setup_queues(struct dataplane *dp, struct nic *n, const struct dataplane_nic_options *options)
{
	uint16_t rx = options->rx_descriptors, tx = options->tx_descriptors;
	const int socket = rte_eth_dev_socket_id(n->ethdev);
	int error = rte_eth_dev_adjust_nb_rx_tx_desc(n->ethdev, &rx, &tx);

	if (error != 0)
		return say(n, "cannot choose descriptor counts", error);
	for (uint16_t q = 0; q < n->rx_queues; q++) {
		error = rte_eth_rx_queue_setup(n->ethdev, q, rx, (unsigned)socket, NULL, dp->pool);
		if (error != 0)
			return say(n, "cannot set up a receive queue", error);
	}
	for (uint16_t q = 0; q < n->tx_queues; q++) {
		error = rte_eth_tx_queue_setup(n->ethdev, q, tx, (unsigned)socket, NULL);
		if (error != 0)
			return say(n, "cannot set up a transmit queue", error);
	}
	return 0;
}

/* af_packet and tap carry any frame that their kernel interface carries, but their drivers say, and
 * let ethdev enforce, that more than one of 1518 or 1522 bytes is impossible. Preflight has seen
 * that the interface takes more; the kernel port's is raised by whoever wants it. */
static int
set_mtu(const struct nic *n)
{
	struct rte_eth_dev_info info;
	int error = rte_eth_dev_info_get(n->ethdev, &info);

	if (error == 0 && is_kernel_interface(&info) &&
	    (uint32_t)n->mtu + RTE_ETHER_HDR_LEN + RTE_ETHER_CRC_LEN > info.max_rx_pktlen)
		return 0;
	error = error != 0 ? error : rte_eth_dev_set_mtu(n->ethdev, n->mtu);
	return error == -ENOTSUP ? 0 : error;
}

/* Where frames to the end of a port go before any came from there: to the interface of a tap, whose
 * own address is the device's; anybody, at other devices. */
static uint64_t
first_peer(const struct nic *n)
{
	struct rte_eth_dev_info info;

	if (rte_eth_dev_info_get(n->ethdev, &info) == 0 && strcmp(info.driver_name, "net_tap") == 0)
		return be48_load(n->mac);
	return be48_load((const uint8_t[6]){ 255, 255, 255, 255, 255, 255 });
}

/* Sets MTU, MAC and receive filters as far as the device has them. */
static int
setup_filters(struct dataplane *dp, struct nic *n, bool promiscuous)
{
	struct rte_ether_addr mac;
	int error = set_mtu(n);

	if (error != 0)
		return say(n, "does not take this mtu", error);
	if (n->role == NIC_KERNEL) {
		/* The kernel must take frames that were addressed to the nic as its own. */
		memcpy(mac.addr_bytes, dp->nics[0].mac, sizeof(mac.addr_bytes));
		error = rte_eth_dev_default_mac_addr_set(n->ethdev, &mac);
		if (error != 0)
			return say(n, "cannot take the nic's Ethernet address", error);
	}
	error = rte_eth_macaddr_get(n->ethdev, &mac);
	if (error != 0)
		return say(n, "has no Ethernet address", error);
	memcpy(n->mac, mac.addr_bytes, sizeof(n->mac));
	atomic_store_explicit(&n->peer, first_peer(n), memory_order_relaxed);
	/* Neighbour solicitations come to group addresses (RFC 4861 7.2.2). */
	if (rte_eth_allmulticast_enable(n->ethdev) != 0 || promiscuous) {
		error = rte_eth_promiscuous_enable(n->ethdev);
		if (error != 0 && error != -ENOTSUP)
			return say(n, "cannot receive promiscuously", error);
	}
	return 0;
}

static void
map_links(const struct dataplane *dp, struct nic *n, uint16_t index)
{
	for (unsigned v = 0; v < array_length(n->link_by_vlan); v++)
		n->link_by_vlan[v] = LINK_NONE;
	for (uint16_t l = 0; l < dp->options.links.count; l++)
		if (dp->options.links.links[l].nic == index)
			n->link_by_vlan[dp->options.links.links[l].vlan] = l;
}

static uint16_t
parse_flags(const struct dataplane *dp, uint16_t index, const struct dataplane_nic_options *options)
{
	unsigned flags = tunnel_parse_flags(&dp->options.tunnels, index);

	if (!options->checksum_verify)
		flags |= PARSE_CHECKSUM_IGNORE;
	if (options->source_any)
		flags |= PARSE_SOURCE_ANY;
	if (options->source_routes)
		flags |= PARSE_SOURCE_ROUTE;
	return (uint16_t)flags;
}

int
nic_open(struct dataplane *dp, uint16_t index, const struct dataplane_nic_options *options,
	 enum nic_role role)
{
	struct nic *n = &dp->nics[index];
	struct rte_eth_dev_info info;
	struct rte_eth_conf conf;
	int error;

	*n = (struct nic){ .role = role,
			   .mtu = options->mtu,
			   .rx_queues = options->queues,
			   .parse_flags = parse_flags(dp, index, options) };
	memcpy(n->name, options->name, sizeof(n->name));
	memcpy(n->device, options->device, sizeof(n->device));
	map_links(dp, n, index);
	error = rte_eth_dev_get_port_by_name(n->device, &n->ethdev);
	if (error != 0)
		return say(n, "no driver took this device", ENODEV);
	error = rte_eth_dev_info_get(n->ethdev, &info);
	if (error != 0)
		return say(n, "cannot be asked about", error);
	error = choose_queues(n, &info, dp->options.workers);
	if (error != 0)
		return error;
	choose_conf(&info, n, &conf);
	error = rte_eth_dev_configure(n->ethdev, n->rx_queues, n->tx_queues, &conf);
	if (error != 0)
		return say(n, "cannot be configured", error);
	error = setup_queues(dp, n, options);
	error = error != 0 ? error : setup_filters(dp, n, options->promiscuous);
	if (error == 0 && options->generator.flows != 0) {
		error = nic_generate(dp, index, options);
		return error == 0 ? 0 : say(n, "cannot make packets of its own", error);
	}
	return error;
}

int
nic_start(const struct nic *n)
{
	const int error = rte_eth_dev_start(n->ethdev);

	return error == 0 ? 0 : say(n, "cannot be started", error);
}

void
nic_stop(const struct nic *n)
{
	rte_eth_dev_stop(n->ethdev);
}

void
nic_close(struct nic *n)
{
	nic_generate_stop(n);
	rte_eth_dev_close(n->ethdev);
}

/* What a generator's device says of itself is about buffers, not about packets. */
static void
generated_info(const struct nic *n, struct nic_info *out)
{
	out->rx_packets = out->rx_bytes = 0;
	for (uint16_t q = 0; q < n->rx_queues; q++) {
		out->rx_packets += atomic_load_explicit(&n->generated->queues[q].packets,
							memory_order_relaxed);
		out->rx_bytes +=
			atomic_load_explicit(&n->generated->queues[q].bytes, memory_order_relaxed);
		out->rx_missed +=
			atomic_load_explicit(&n->generated->queues[q].missed, memory_order_relaxed);
	}
}

int
dataplane_nic_info(const struct dataplane *dp, uint16_t nic, struct nic_info *out)
{
	const struct nic *n = &dp->nics[nic];
	struct rte_eth_dev_info info;
	struct rte_eth_link state;
	struct rte_eth_stats stats;

	if (nic >= dp->devices_count)
		return -ENOENT;
	*out = (struct nic_info){ .rx_queues = n->rx_queues,
				  .tx_queues = n->tx_queues,
				  .mtu = n->mtu };
	memcpy(out->name, n->name, sizeof(out->name));
	memcpy(out->device, n->device, sizeof(out->device));
	memcpy(out->mac, n->mac, sizeof(out->mac));
	if (rte_eth_dev_info_get(n->ethdev, &info) == 0)
		snprintf(out->driver, sizeof(out->driver), "%s", info.driver_name);
	if (rte_eth_link_get_nowait(n->ethdev, &state) == 0) {
		out->up = state.link_status == RTE_ETH_LINK_UP;
		if (state.link_speed != RTE_ETH_SPEED_NUM_UNKNOWN)
			out->speed_mbps = state.link_speed;
	}
	if (rte_eth_stats_get(n->ethdev, &stats) == 0) {
		out->rx_packets = stats.ipackets;
		out->rx_bytes = stats.ibytes;
		out->rx_missed = stats.imissed;
		out->rx_errors = stats.ierrors;
		out->rx_no_buffer = stats.rx_nombuf;
		out->tx_packets = stats.opackets;
		out->tx_bytes = stats.obytes;
		out->tx_errors = stats.oerrors;
	}
	if (n->generated != NULL)
		generated_info(n, out);
	return 0;
}
