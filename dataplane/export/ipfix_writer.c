/* SPDX-License-Identifier: BSD-3-Clause */
/* ipfix_writer.c: see ipfix_writer.h. */
#include "dataplane/export/ipfix_writer.h"

#include <errno.h>
#include <fixbuf/public.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/identity.h"
#include "common/base/limits.h"

#define TEMPLATE_IPV4    256
#define TEMPLATE_IPV6    257
#define TEMPLATE_MEMORY  300
#define BIFLOW_INITIATOR 1 /* RFC 5103 6.3: the source is who began */

/* A record in memory, as `elements` describes it. */
struct export_record {
	uint64_t start_ms, end_ms;
	uint64_t bytes[2], packets[2];
	uint32_t source4, destination4; /* host order: libfixbuf turns them */
	uint8_t source6[16], destination6[16];
	uint32_t interface, zone;
	uint16_t source_port, destination_port;
	uint16_t tcp_flags[2];
	uint16_t vlan;
	uint8_t proto, end, direction;
	uint8_t padding[3];
};
static_assert(sizeof(struct export_record) == 112, "no holes but the named one");

enum { IPV4 = 1, IPV6 = 2, MEMORY = 4, ALL = 7 };

/* Every element is in memory; those of a family are sent in its template only. */
static fbInfoElementSpec_t elements[] = {
	{ (char *)"flowStartMilliseconds", 8, 0 },
	{ (char *)"flowEndMilliseconds", 8, 0 },
	{ (char *)"octetDeltaCount", 8, 0 },
	{ (char *)"reverseOctetDeltaCount", 8, 0 },
	{ (char *)"packetDeltaCount", 8, 0 },
	{ (char *)"reversePacketDeltaCount", 8, 0 },
	{ (char *)"sourceIPv4Address", 4, IPV4 },
	{ (char *)"destinationIPv4Address", 4, IPV4 },
	{ (char *)"sourceIPv6Address", 16, IPV6 },
	{ (char *)"destinationIPv6Address", 16, IPV6 },
	{ (char *)"ingressInterface", 4, 0 },
	{ (char *)"ingressVRFID", 4, 0 },
	{ (char *)"sourceTransportPort", 2, 0 },
	{ (char *)"destinationTransportPort", 2, 0 },
	{ (char *)"tcpControlBits", 2, 0 },
	{ (char *)"reverseTcpControlBits", 2, 0 },
	{ (char *)"vlanId", 2, 0 },
	{ (char *)"protocolIdentifier", 1, 0 },
	{ (char *)"flowEndReason", 1, 0 },
	{ (char *)"biflowDirection", 1, 0 },
	{ (char *)"paddingOctets", 3, MEMORY },
	FB_IESPEC_NULL,
};

struct ipfix_writer {
	ipfix_emit_fn emit;
	void *context;
	fbInfoModel_t *model;
	fBuf_t *buffer;
	fbExporter_t *exporter;
	uint32_t waiting; /* records in the message */
	uint8_t message[IPFIX_MESSAGE_BYTES];
};

/* Ends the buffer's message and gives it away. */
static bool
message_emit(struct ipfix_writer *w)
{
	const uint32_t records = w->waiting;
	GError *error = NULL;
	bool ended;

	w->waiting = 0;
	ended = fBufEmit(w->buffer, &error);
	g_clear_error(&error);
	return w->emit(w->context, w->message, ended ? fbExporterGetMsgLen(w->exporter) : 0,
		       records);
}

/* Adds one template, in memory or for messages; those elements whose flags are among `flags`. */
static bool
template_add(struct ipfix_writer *w, fbSession_t *session, bool memory, uint16_t id, uint32_t flags)
{
	fbTemplate_t *t = fbTemplateAlloc(w->model);
	GError *error = NULL;
	bool added = fbTemplateAppendSpecArray(t, elements, flags, &error) &&
		     fbSessionAddTemplate(session, memory, id, t, &error) == id;

	if (!added)
		fbTemplateFreeUnused(t);
	g_clear_error(&error);
	return added;
}

int
ipfix_writer_create(uint32_t domain, ipfix_emit_fn emit, void *context, struct ipfix_writer **out)
{
	struct ipfix_writer *w = calloc(1, sizeof(*w));
	fbSession_t *session;

	if (w == NULL)
		return -ENOMEM;
	w->emit = emit;
	w->context = context;
	w->model = fbInfoModelAlloc();
	session = fbSessionAlloc(w->model);
	fbSessionSetDomain(session, domain);
	if (!template_add(w, session, true, TEMPLATE_MEMORY, ALL) ||
	    !template_add(w, session, false, TEMPLATE_IPV4, IPV4) ||
	    !template_add(w, session, false, TEMPLATE_IPV6, IPV6)) {
		fbSessionFree(session);
		fbInfoModelFree(w->model);
		free(w);
		return -ENOMEM;
	}
	w->exporter = fbExporterAllocBuffer(w->message, sizeof(w->message));
	w->buffer = fBufAllocForExport(session, w->exporter);
	fBufSetAutomaticMode(w->buffer, FALSE);
	*out = w;
	return 0;
}

void
ipfix_writer_destroy(struct ipfix_writer *w)
{
	if (w == NULL)
		return;
	fBufFree(w->buffer);
	fbInfoModelFree(w->model);
	free(w);
}

bool
ipfix_writer_flush(struct ipfix_writer *w)
{
	return w->waiting == 0 || message_emit(w);
}

bool
ipfix_writer_templates(struct ipfix_writer *w)
{
	GError *error = NULL;
	bool put;

	(void)ipfix_writer_flush(w);
	/* libfixbuf begins a message for templates in this mode only. */
	fBufSetAutomaticMode(w->buffer, TRUE);
	put = fbSessionExportTemplates(fBufGetSession(w->buffer), &error);
	fBufSetAutomaticMode(w->buffer, FALSE);
	g_clear_error(&error);
	return put && message_emit(w);
}

static void
record_fill(const struct ipfix_record *r, struct export_record *out)
{
	const struct flow_record *f = r->flow;
	const unsigned from = flow_record_origin(f), to = !from;

	*out = (struct export_record){
		.start_ms = r->start_ms,
		.end_ms = r->end_ms,
		.bytes = { r->bytes[0], r->bytes[1] },
		.packets = { r->packets[0], r->packets[1] },
		.interface = r->interface,
		.zone = f->key.zone,
		.source_port = f->key.port[from],
		.destination_port = f->key.port[to],
		.tcp_flags = { f->tcp_flags[0], f->tcp_flags[1] },
		.vlan = r->vlan,
		.proto = f->key.proto,
		.end = (uint8_t)r->end,
		.direction = BIFLOW_INITIATOR,
	};
	if (f->key.family == FAMILY_IPV4) {
		memcpy(&out->source4, f->key.addr[from], sizeof(out->source4));
		memcpy(&out->destination4, f->key.addr[to], sizeof(out->destination4));
		out->source4 = g_ntohl(out->source4);
		out->destination4 = g_ntohl(out->destination4);
	} else {
		memcpy(out->source6, f->key.addr[from], sizeof(out->source6));
		memcpy(out->destination6, f->key.addr[to], sizeof(out->destination6));
	}
}

/* Whether the record is in the message now; not when that is full. */
static bool
append(struct ipfix_writer *w, uint8_t family, struct export_record *record)
{
	const uint16_t template = family == FAMILY_IPV4 ? TEMPLATE_IPV4 : TEMPLATE_IPV6;
	GError *error = NULL;
	const bool added = fBufSetInternalTemplate(w->buffer, TEMPLATE_MEMORY, &error) &&
			   fBufSetExportTemplate(w->buffer, template, &error) &&
			   fBufAppend(w->buffer, (uint8_t *)record, sizeof(*record), &error);

	g_clear_error(&error);
	w->waiting += added;
	return added;
}

bool
ipfix_writer_put(struct ipfix_writer *w, const struct ipfix_record *record)
{
	const uint8_t family = record->flow->key.family;
	struct export_record memory;

	record_fill(record, &memory);
	/* libfixbuf refuses what no longer fits, and once what would begin another message. */
	if (append(w, family, &memory))
		return true;
	(void)ipfix_writer_flush(w);
	return append(w, family, &memory);
}

uint32_t
ipfix_writer_waiting(const struct ipfix_writer *w)
{
	return w->waiting;
}

void
ipfix_writer_time(struct ipfix_writer *w, uint32_t seconds)
{
	fBufSetExportTime(w->buffer, seconds);
}

enum ipfix_end
ipfix_end_of(enum flow_end end)
{
	switch (end) {
	case FLOW_END_FIN:
	case FLOW_END_RST:
		return IPFIX_END_DETECTED;
	case FLOW_END_SHUTDOWN:
		return IPFIX_END_FORCED;
	case FLOW_END_EVICTED:
		return IPFIX_END_NO_RESOURCES;
	default:
		return IPFIX_END_IDLE;
	}
}
