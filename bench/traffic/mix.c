/* SPDX-License-Identifier: BSD-3-Clause */
/* mix.c: reads a mix of services from its text or its profile's name. */
#include "bench/traffic/mix.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "bench/traffic/frame.h"
#include "common/base/check.h"

#define WEIGHT_MAX 1000000

static const struct {
	const char *name;
	const char *text;
	uint8_t ipv6_percent;
	bool twists;
	enum mix_order order;
} profiles[] = {
	/* DNS, web and telemetry on a dynamic port, with somebody who tries doors. */
	{ "demo", "udp/53=30,tcp/443=40:600,udp/50000=25:200,scan=5", 30, false, MIX_ORDER_RANDOM },
	{ "bench", "udp/9000=1:60", 0, false, MIX_ORDER_SHUFFLED },
	{ "e2e", "udp/53=30,tcp/443=40:200,udp/50000=20:100,scan=10", 40, true, MIX_ORDER_RANDOM },
};

/* Reads a decimal number of first..last at *text and moves *text past it. */
static bool
number_take(const char **text, uint32_t first, uint32_t last, uint32_t *out)
{
	char *end;

	if (**text < '0' || **text > '9')
		return false;
	const unsigned long value = strtoul(*text, &end, 10);

	if (value < first || value > last)
		return false;
	*out = (uint32_t)value;
	*text = end;
	return true;
}

static bool
word_take(const char **text, const char *word)
{
	const size_t length = strlen(word);

	if (strncmp(*text, word, length) != 0)
		return false;
	*text += length;
	return true;
}

/* Reads PORT[-PORT]=WEIGHT[:BYTES] at *text. */
static bool
service_take(const char **text, struct mix_service *service)
{
	uint32_t first, last, weight, bytes = 0;

	if (!number_take(text, 1, UINT16_MAX, &first))
		return false;
	last = first;
	if (word_take(text, "-") && !number_take(text, first, UINT16_MAX, &last))
		return false;
	if (!word_take(text, "=") || !number_take(text, 1, WEIGHT_MAX, &weight))
		return false;
	if (word_take(text, ":") && !number_take(text, FRAME_BYTES_MIN, FRAME_BYTES_MAX, &bytes))
		return false;
	service->port_first = (uint16_t)first;
	service->port_last = (uint16_t)last;
	service->weight = weight;
	service->bytes = (uint16_t)bytes;
	return true;
}

/* Reads one item of the list at *text into *mix. */
static int
item_take(const char **text, struct mix *mix, const char **why)
{
	struct mix_service service = { 0 };

	if (word_take(text, "scan=")) {
		*why = "scan= wants a weight of 1 to 1000000";
		return number_take(text, 1, WEIGHT_MAX, &mix->scan_weight) ? 0 : -EINVAL;
	}
	if (word_take(text, "udp/")) {
		service.proto = IPPROTO_UDP;
	} else if (word_take(text, "tcp/")) {
		service.proto = IPPROTO_TCP;
	} else {
		*why = "a mix is demo, bench, e2e, or a list of udp/PORT=WEIGHT, tcp/PORT=WEIGHT "
		       "and scan=WEIGHT";
		return -EINVAL;
	}
	*why = "a service is PROTO/PORT[-PORT]=WEIGHT[:BYTES], with 60 to 1514 bytes a frame";
	if (!service_take(text, &service))
		return -EINVAL;
	if (mix->services_count == MIX_SERVICES_MAX) {
		*why = "a mix has at most 64 services";
		return -EINVAL;
	}
	mix->services_weight += service.weight;
	mix->services[mix->services_count++] = service;
	return 0;
}

static int
list_parse(const char *text, struct mix *mix, const char **why)
{
	do {
		const int status = item_take(&text, mix, why);

		if (status != 0)
			return status;
	} while (word_take(&text, ","));
	if (*text != '\0') {
		*why = "items of a mix are separated by commas";
		return -EINVAL;
	}
	if (mix->services_count == 0) {
		*why = "a mix needs at least one service beside scan";
		return -EINVAL;
	}
	return 0;
}

int
mix_parse(const char *text, struct mix *out, const char **why)
{
	struct mix mix = { .ipv6_percent = 30 };

	for (unsigned i = 0; i < array_length(profiles); i++) {
		if (strcmp(text, profiles[i].name) != 0)
			continue;
		mix.ipv6_percent = profiles[i].ipv6_percent;
		mix.twists = profiles[i].twists;
		mix.order = profiles[i].order;
		text = profiles[i].text;
		break;
	}
	const int status = list_parse(text, &mix, why);

	if (status == 0)
		*out = mix;
	return status;
}
