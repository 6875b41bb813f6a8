import { Count, Default, Json, Names, OneOf, Optional, Section, Text } from './kinds.js'

// What a route may have in place of a target.

const TO = 'must be a path such as "/docs" or a URL such as "https://example.com/docs"'

/** A response that stands in the configuration. */
export const Respond = Section('A response of the gateway itself, in place of a target.', {
  status: Default(200, Count('Its status.', { least: 200, most: 599, examples: [503] })),
  headers: Default({}, Names('Its headers. `Content-Type` is made up from the body where it is not given.', { examples: [{ 'retry-after': '600' }] })),
  body: Optional(Json('Its body: text, or any JSON value.', { examples: ['<!doctype html><p>Back soon.'] }))
}, { errorMessage: 'must be an object such as { "status": 503, "body": "Back soon." }' })

/** A response that leads elsewhere. */
export const Redirect = Section('A redirect, in place of a target.', {
  to: Text('Where it leads: a path of the gateway, or a URL.', { format: 'location', examples: ['/docs', 'https://example.com/docs'], errorMessage: TO }),
  status: Default(302, OneOf(
    'Its status. 302 can be taken back; 301 and 308 stay in browsers. 307 and 308 have the client send the same method and body again.',
    [301, 302, 303, 307, 308]))
}, { errorMessage: 'must be an object such as { "to": "/docs" }' })
