/* Deploying a function: see deploy.c. */
#ifndef STEAD_SERVE_DEPLOY_H
#define STEAD_SERVE_DEPLOY_H

#include "serve/instance.h"

/* Starts a deploy; its caller is answered by admin_status() or, when the version serves or failed to, admin_state(). */
void deploy_start(struct instance *instance, uint64_t rpc_id, const struct rpc_deploy *deploy);

#endif
