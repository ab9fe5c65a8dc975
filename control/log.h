/* SPDX-License-Identifier: BSD-3-Clause */
/* log.h: lines on standard error, bounded in rate. Served by log.c. The control thread alone. */
#pragma once

#include <stdbool.h>

/* Whether log_detail() writes anything. */
void log_verbose(bool on);

/* Writes "berthd: " and one line. Of lines that others can provoke only some per second appear;
 * how many did not is said with the next one. */
__attribute__((format(printf, 1, 2))) void log_line(const char *format, ...);

/* The same, only when the user asked for it. */
__attribute__((format(printf, 1, 2))) void log_detail(const char *format, ...);
