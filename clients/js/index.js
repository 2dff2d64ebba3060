// Calls functions that Stead runs. CommonJS, so that both require() and import get the same classes.
'use strict';
const { Client } = require('./lib/client.js');
const { SteadError, FunctionError, OutcomeError, PlatformError } = require('./lib/errors.js');
const { Event, Uri, UriRef } = require('./lib/event.js');

module.exports = { Client, Event, Uri, UriRef, SteadError, FunctionError, OutcomeError, PlatformError };
