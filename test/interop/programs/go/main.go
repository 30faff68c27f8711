// The laboratory's server on Go's x/crypto/ssh: see ../README.md for what it answers.
package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"strconv"
	"strings"

	"golang.org/x/crypto/ssh"
)

var pattern []byte

func main() {
	var err error
	if pattern, err = os.ReadFile(os.Getenv("LAB_PATTERN")); err != nil {
		log.Fatal(err)
	}
	config := configuration()
	listener, err := net.Listen("tcp", "127.0.0.1:"+os.Getenv("LAB_PORT"))
	if err != nil {
		log.Fatal(err)
	}
	for {
		connection, err := listener.Accept()
		if err != nil {
			log.Fatal(err)
		}
		go serve(connection, config)
	}
}

func configuration() *ssh.ServerConfig {
	user, password := os.Getenv("LAB_USER"), os.Getenv("LAB_PASSWORD")
	authorized := map[string]bool{}
	lines, err := os.ReadFile(os.Getenv("LAB_AUTHORIZED_KEYS"))
	if err != nil {
		log.Fatal(err)
	}
	for len(lines) > 0 {
		key, _, _, rest, err := ssh.ParseAuthorizedKey(lines)
		if err != nil {
			break
		}
		authorized[string(key.Marshal())] = true
		lines = rest
	}
	refused := errors.New("refused")
	config := &ssh.ServerConfig{
		MaxAuthTries: 30,
		PasswordCallback: func(meta ssh.ConnMetadata, given []byte) (*ssh.Permissions, error) {
			if meta.User() == user && string(given) == password {
				return nil, nil
			}
			return nil, refused
		},
		PublicKeyCallback: func(meta ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			if meta.User() == user && authorized[string(key.Marshal())] {
				return nil, nil
			}
			return nil, refused
		},
		KeyboardInteractiveCallback: func(meta ssh.ConnMetadata, ask ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
			answers, err := ask("challenge", "say it", []string{"Password: "}, []bool{false})
			if err == nil && meta.User() == user && len(answers) == 1 && answers[0] == password {
				return nil, nil
			}
			return nil, refused
		},
	}
	config.KeyExchanges = []string{
		"curve25519-sha256", "curve25519-sha256@libssh.org", "ecdh-sha2-nistp256", "ecdh-sha2-nistp384",
		"ecdh-sha2-nistp521", "diffie-hellman-group14-sha256", "diffie-hellman-group14-sha1", "diffie-hellman-group1-sha1",
	}
	config.Ciphers = []string{
		"aes128-gcm@openssh.com", "chacha20-poly1305@openssh.com", "aes128-ctr", "aes192-ctr", "aes256-ctr",
		"aes128-cbc", "3des-cbc",
	}
	config.MACs = []string{"hmac-sha2-256-etm@openssh.com", "hmac-sha2-256", "hmac-sha1", "hmac-sha1-96"}
	if threshold, _ := strconv.ParseUint(os.Getenv("LAB_REKEY_BYTES"), 10, 64); threshold > 0 {
		config.RekeyThreshold = threshold
	}
	for _, path := range strings.Split(os.Getenv("LAB_HOST_KEYS"), ":") {
		text, err := os.ReadFile(path)
		if err != nil {
			log.Fatal(err)
		}
		signer, err := ssh.ParsePrivateKey(text)
		if err != nil {
			log.Fatal(err)
		}
		config.AddHostKey(signer)
	}
	return config
}

func serve(connection net.Conn, config *ssh.ServerConfig) {
	client, channels, requests, err := ssh.NewServerConn(connection, config)
	if err != nil {
		log.Print(err)
		return
	}
	go listenFor(client, requests)
	for request := range channels {
		if request.ChannelType() != "session" {
			go connectFor(request)
			continue
		}
		channel, requests, err := request.Accept()
		if err != nil {
			log.Print(err)
			return
		}
		go session(channel, requests)
	}
}

type terminal struct{ Columns, Rows uint32 }

func session(channel ssh.Channel, requests <-chan *ssh.Request) {
	sizes := make(chan terminal, 16)
	for request := range requests {
		granted := false
		switch request.Type {
		case "pty-req":
			var asked struct {
				Term                         string
				Columns, Rows, Width, Height uint32
				Modes                        string
			}
			if granted = ssh.Unmarshal(request.Payload, &asked) == nil; granted {
				sizes <- terminal{asked.Columns, asked.Rows}
			}
		case "window-change":
			var asked struct{ Columns, Rows, Width, Height uint32 }
			if granted = ssh.Unmarshal(request.Payload, &asked) == nil; granted {
				sizes <- terminal{asked.Columns, asked.Rows}
			}
		case "exec", "subsystem":
			var asked struct{ Text string }
			granted = ssh.Unmarshal(request.Payload, &asked) == nil && (request.Type == "exec" || asked.Text == "echo")
			if granted {
				request.Reply(true, nil)
				go answer(channel, asked.Text, sizes)
				continue
			}
		}
		if request.WantReply {
			request.Reply(granted, nil)
		}
	}
	close(sizes)
}

func answer(channel ssh.Channel, command string, sizes <-chan terminal) {
	defer channel.Close()
	verb, argument, _ := strings.Cut(command, " ")
	number, _ := strconv.ParseInt(argument, 10, 64)
	status := uint32(0)
	switch verb {
	case "status":
		io.WriteString(channel, "out\n")
		io.WriteString(channel.Stderr(), "err\n")
		status = uint32(number)
	case "send":
		for number > 0 {
			piece := pattern[:min(number, int64(len(pattern)))]
			if _, err := io.Copy(channel, bytes.NewReader(piece)); err != nil {
				return
			}
			number -= int64(len(piece))
		}
	case "hash":
		digest := sha256.New()
		io.Copy(digest, channel)
		fmt.Fprintf(channel, "%x\n", digest.Sum(nil))
	case "echo":
		io.Copy(channel, channel)
	case "size":
		go func() {
			io.Copy(io.Discard, channel)
			channel.Close()
		}()
		for size := range sizes {
			fmt.Fprintf(channel, "%d %d\r\n", size.Rows, size.Columns)
		}
	case "signal":
		channel.SendRequest("exit-signal", false, ssh.Marshal(struct {
			Name     string
			Core     bool
			Message  string
			Language string
		}{"TERM", false, "", ""}))
		channel.CloseWrite()
		return
	default:
		io.WriteString(channel.Stderr(), "no such command\n")
		status = 127
	}
	channel.CloseWrite()
	channel.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{status}))
}

func min(a, b int64) int64 {
	if a < b {
		return a
	}
	return b
}
