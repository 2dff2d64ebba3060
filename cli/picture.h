/* Saves the picture of a history as a page of HTML (check/picture.h draws). */
#ifndef STEAD_CLI_PICTURE_H
#define STEAD_CLI_PICTURE_H

#include "check/picture.h"

/* Fills the page in and writes it to `path`; then says on stderr where it is. False after a line that says why not. */
bool picture_save(const struct check *check, const struct check_picture *picture, const char *path);

#endif
