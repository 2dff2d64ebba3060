/* The page that a history is drawn on: check/page.html, written into C while building. Private to check/. */
#ifndef STEAD_CHECK_PAGE_H
#define STEAD_CHECK_PAGE_H

#include <stddef.h>
#include <stdint.h>

extern const uint8_t check_page[];
extern const size_t check_page_length;

#endif
