import { Server, ServerCredentials } from '@grpc/grpc-js'
import { greeter } from './greeter.js'

// Three greetings for each name, one after another.
const server = new Server()
server.addService(greeter, {
  greet (call) {
    for (const word of ['Hello', 'Hallo', 'Bonjour']) call.write({ text: `${word}, ${call.request.name}` })
    call.end()
  }
})
server.bindAsync(process.env.ADDRESS ?? 'localhost:50051', ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error
  console.log(`greets at port ${port}`)
})
