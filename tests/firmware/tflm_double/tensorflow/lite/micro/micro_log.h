/* A test double, see c/common.h. */
#ifndef DOUBLE_MICRO_LOG_H
#define DOUBLE_MICRO_LOG_H

__attribute__((format(printf, 1, 2))) void MicroPrintf(const char *format, ...);

#endif
