/* SPDX-License-Identifier: BSD-3-Clause */
/* log.c: writes bounded lines to standard error. */
#include "control/log.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include "common/base/clock.h"

#define LINES_PER_SECOND 50

static bool verbose;
static uint64_t second;
static unsigned lines;
static unsigned unsaid;

void
log_verbose(bool on)
{
	verbose = on;
}

static void
log_write(const char *format, va_list arguments)
{
	const uint64_t now = clock_monotonic_ms() / 1000;
	char text[512];

	if (now != second) {
		second = now;
		lines = 0;
	}
	if (lines >= LINES_PER_SECOND) {
		unsaid++;
		return;
	}
	lines++;
	if (unsaid != 0)
		fprintf(stderr, "berthd: %u lines were left out\n", unsaid);
	unsaid = 0;
	vsnprintf(text, sizeof(text), format, arguments);
	fprintf(stderr, "berthd: %s\n", text);
}

void
log_line(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	log_write(format, arguments);
	va_end(arguments);
}

void
log_detail(const char *format, ...)
{
	va_list arguments;

	if (!verbose)
		return;
	va_start(arguments, format);
	log_write(format, arguments);
	va_end(arguments);
}
