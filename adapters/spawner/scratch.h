/* Private temporary folders of children. Private to this folder. */
#ifndef STEAD_ADAPTERS_SPAWNER_SCRATCH_H
#define STEAD_ADAPTERS_SPAWNER_SCRATCH_H

/* Makes a folder that only this user can enter; the path is the caller's to free(). NULL and errno on failure. */
char *scratch_create(const char *parent_directory);
/* Removes a folder and all in it, staying on its file system and following no links. Best effort. */
void scratch_remove(const char *directory);

#endif
