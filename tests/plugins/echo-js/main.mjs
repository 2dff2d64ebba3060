// Answers with the event's own data; the attribute "test" comes back as "echoed".
export default (event) => event.reply('test.echo.v1', event.raw, {
  contentType: event.datacontenttype,
  echoed: event.get('test'),
});
