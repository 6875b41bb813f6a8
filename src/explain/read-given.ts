import { bytesOf, requestOfParts } from './asked-request.js'
import type { AskedRequest } from './asked-request.js'
import { requestOfCurl } from './curl-line.js'
import type { GivenRequest } from './given.js'
import { shellWords } from './shell-words.js'

/** @throws UnreadableRequest */
export function readGiven (given: GivenRequest): AskedRequest {
  if ('curl' in given) return requestOfCurl(shellWords(bytesOf(given.curl)))
  const { method = 'GET', url, headers = [] } = given
  return requestOfParts(bytesOf(method), bytesOf(url), headers.map(([name, value]) => [bytesOf(name), bytesOf(value)]))
}
