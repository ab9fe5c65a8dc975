/* SPDX-License-Identifier: BSD-3-Clause */
/* commands.c: berthctl's commands and their arguments. */
#include "control/ctl/commands.h"

#include <stddef.h>

const struct command commands[] = {
	{ "status", "show what runs, since when, and how much of it", true, print_status },
	{ "nics", "list the devices with their counters", false, print_nics },
	{ "workers", "list the workers with their load", false, print_workers },
	{ "ports", "list the ports of applications with their traffic", true, print_ports },
	{ "bindings", "list who owns which socket identity", false, print_bindings },
	{ "flows",
	  "list live conversations",
	  false,
	  print_flows,
	  {
		  { "--proto", "PROTO", "proto", ARGUMENT_TEXT,
		    "only tcp, udp, sctp, udplite, icmp or icmpv6" },
		  { "--port", "NUMBER", "port", ARGUMENT_NUMBER,
		    "only those with this transport port at either end" },
		  { "--address", "ADDRESS", "address", ARGUMENT_TEXT,
		    "only those with this address at either end" },
		  { "--limit", "COUNT", "limit", ARGUMENT_NUMBER,
		    "at most so many (1000); 0: all" },
	  } },
	{ "stats", "show every counter and whether all packets are accounted for", true,
	  print_stats },
	{ "drops",
	  "show why packets were dropped, and which closed ports they knocked on",
	  false,
	  print_drops,
	  {
		  { "--limit", "COUNT", "limit", ARGUMENT_NUMBER,
		    "at most so many closed ports (100)" },
	  } },
	{ "bind",
	  "give a socket identity to a port",
	  false,
	  print_binding,
	  {
		  { "PORT", NULL, "port", ARGUMENT_TEXT, "name or number of the port" },
		  { "IDENTITY", NULL, "identity", ARGUMENT_TEXT,
		    "for example tcp/192.0.2.10:443 or udp/[2001:db8::1]:domain" },
		  { "--shared", NULL, "shared", ARGUMENT_FLAG,
		    "join or found a group of ports that share the identity" },
	  } },
	{ "unbind",
	  "take a socket identity away",
	  false,
	  print_binding,
	  {
		  { "BINDING", NULL, "binding", ARGUMENT_TEXT,
		    "number or identity of the binding" },
	  } },
};
const unsigned commands_count = sizeof(commands) / sizeof(commands[0]);
