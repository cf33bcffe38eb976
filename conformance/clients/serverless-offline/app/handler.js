// A Lambda function: writes down the records of each event, a line an event.
const fs = require("node:fs");

exports.orders = async (event) => {
  fs.appendFileSync(process.env.SEEN, JSON.stringify(event.Records) + "\n");
};
