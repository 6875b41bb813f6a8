import { HEADER_NAME } from './header-names.js'
import { Default, OneOf, Section, Text } from './kinds.js'

/** How requests are told apart, here and by those on their way. */
export const RequestId = Section(
  'Send the id of each request to the service and back to the client, errors included. Without it the id stands in the log and in errors alone.', {
    header: Default('x-request-id', Text('The header that carries it.', { format: 'header-name', examples: ['x-correlation-id'], errorMessage: HEADER_NAME })),
    trust: Default('trusted', OneOf(
      'Whose id is taken over: that of proxies that `trustProxy` names, everybody\'s, or nobody\'s. Any other is replaced, and one that is longer than 128 characters or ' +
      'has others than letters, digits and `-._~:;/+=@`. As a plugin, the host makes the ids (`genReqId`).',
      ['trusted', 'always', 'never']))
  }, { errorMessage: 'must be an object such as { "header": "x-request-id" }' })
