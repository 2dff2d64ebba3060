'use strict';
// @stead/sdk: functions in JavaScript. What each name does is in index.d.ts; this file only gathers them. Serving is
// loaded when serve() is called, so that tests of a function load none of it.
const { Event, reject, retry, throttle } = require('./event.cjs');

/** Serves calls of a function, or of an object with execute(), until Stead says stop. */
function serve(handler, options) {
  require('./serve.cjs').serve(handler, options);
}

module.exports = { Event, reject, retry, throttle, serve };
