// Package lines lets a test drive a client: a line of JSON in, a line of JSON out.
package lines

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
)

// Question is what the test asks for; unused fields are empty.
type Question struct {
	Do    string `json:"do"`
	App   string `json:"app"`
	Vip   string `json:"vip"`
	Key   string `json:"key"`
	Value string `json:"value"`
}

// Settings reads the program's last argument.
func Settings(into any) {
	if err := json.Unmarshal([]byte(os.Args[len(os.Args)-1]), into); err != nil {
		Fail(err)
	}
}

// Answer says that the client has started, then answers questions until one is "stop".
func Answer(do func(Question) (any, error)) {
	say("started")
	asked := bufio.NewScanner(os.Stdin)
	for asked.Scan() {
		var question Question
		if err := json.Unmarshal(asked.Bytes(), &question); err != nil {
			Fail(err)
		}
		if question.Do == "stop" {
			say("stopped")
			return
		}
		answer, err := do(question)
		if err != nil {
			answer = map[string]string{"error": err.Error()}
		}
		say(answer)
	}
}

// Unknown is the answer to what a client cannot do.
func Unknown(question Question) error {
	return fmt.Errorf("nobody knows how to %q", question.Do)
}

// Fail ends the program with a reason.
func Fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(2)
}

func say(answer any) {
	text, err := json.Marshal(answer)
	if err != nil {
		Fail(err)
	}
	fmt.Println(string(text))
}
